package android.content

import android.content.pm.PackageManager
import android.content.res.AssetManager

abstract class ContentResolver

abstract class Context {
    val assets: AssetManager = TODO()
    val contentResolver: ContentResolver = TODO()
    val packageManager: PackageManager = TODO()
    fun getString(resource: Int): String = TODO()
    fun getString(resource: Int, vararg arguments: Any?): String = TODO()
    fun checkSelfPermission(permission: String): Int = TODO()
}
