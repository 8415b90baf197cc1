package androidx.camera.core

import android.graphics.Bitmap
import android.graphics.Rect

class CameraSelector {
    companion object {
        @JvmField val DEFAULT_FRONT_CAMERA: CameraSelector = TODO()
    }
}

class ImageAnalysis {
    fun interface Analyzer {
        fun analyze(image: ImageProxy)
    }

    companion object {
        const val OUTPUT_IMAGE_FORMAT_RGBA_8888 = 2
        const val STRATEGY_KEEP_ONLY_LATEST = 0
    }
}

interface ImageInfo {
    val rotationDegrees: Int
}

interface ImageProxy : AutoCloseable {
    val imageInfo: ImageInfo
    val cropRect: Rect
    fun toBitmap(): Bitmap
    override fun close()
}
