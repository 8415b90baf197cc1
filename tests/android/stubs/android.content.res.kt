package android.content.res

import java.io.Closeable
import java.io.FileDescriptor

class AssetFileDescriptor : Closeable {
    val fileDescriptor: FileDescriptor = TODO()
    val startOffset: Long = TODO()
    val declaredLength: Long = TODO()
    override fun close() = TODO()
}

class AssetManager {
    fun list(path: String): Array<String>? = TODO()
    fun openFd(fileName: String): AssetFileDescriptor = TODO()
}
