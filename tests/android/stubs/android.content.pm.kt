package android.content.pm

abstract class PackageManager {
    abstract fun hasSystemFeature(name: String): Boolean

    companion object {
        const val FEATURE_CAMERA = "android.hardware.camera"
        const val FEATURE_CAMERA_ANY = "android.hardware.camera.any"
        const val PERMISSION_GRANTED = 0
    }
}
