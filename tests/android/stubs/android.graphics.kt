package android.graphics

import android.content.ContentResolver
import android.net.Uri
import android.util.Size

class Matrix {
    fun postRotate(degrees: Float): Boolean = TODO()
}

class Rect {
    @JvmField val left: Int = 0

    @JvmField val top: Int = 0
    fun width(): Int = TODO()
    fun height(): Int = TODO()
}

class Bitmap {
    val width: Int = TODO()
    val height: Int = TODO()
    fun getPixels(
        pixels: IntArray, offset: Int, stride: Int, x: Int, y: Int, width: Int, height: Int,
    ): Unit = TODO()

    companion object {
        fun createBitmap(
            source: Bitmap, x: Int, y: Int, width: Int, height: Int, m: Matrix?, filter: Boolean,
        ): Bitmap = TODO()
    }
}

class ColorSpace {
    enum class Named { SRGB }

    companion object {
        fun get(name: Named): ColorSpace = TODO()
    }
}

class ImageDecoder {
    var allocator: Int = TODO()
    fun setTargetSampleSize(sampleSize: Int): Unit = TODO()

    fun setTargetColorSpace(colorSpace: ColorSpace): Unit = TODO()

    abstract class Source

    class ImageInfo {
        val size: Size = TODO()
    }

    fun interface OnHeaderDecodedListener {
        fun onHeaderDecoded(decoder: ImageDecoder, info: ImageInfo, source: Source)
    }

    companion object {
        const val ALLOCATOR_SOFTWARE = 1
        fun createSource(resolver: ContentResolver, uri: Uri): Source = TODO()
        fun decodeBitmap(source: Source, listener: OnHeaderDecodedListener): Bitmap = TODO()
    }
}
