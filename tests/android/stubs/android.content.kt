package android.content

import android.content.pm.PackageManager
import android.content.res.AssetManager
import android.net.Uri

abstract class ContentResolver

class Intent(action: String?, uri: Uri?)

abstract class Context {
    val assets: AssetManager = TODO()
    val contentResolver: ContentResolver = TODO()
    val packageManager: PackageManager = TODO()
    val packageName: String = TODO()
    fun getString(resource: Int): String = TODO()
    fun getString(resource: Int, vararg arguments: Any?): String = TODO()
    fun checkSelfPermission(permission: String): Int = TODO()
    fun startActivity(intent: Intent?): Unit = TODO()
}
