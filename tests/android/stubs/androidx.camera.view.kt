package androidx.camera.view

import android.content.Context
import android.widget.FrameLayout
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.lifecycle.LifecycleOwner
import java.util.concurrent.Executor

abstract class CameraController {
    var cameraSelector: CameraSelector = TODO()
    var imageAnalysisOutputImageFormat: Int = TODO()
    var imageAnalysisBackpressureStrategy: Int = TODO()
    fun setEnabledUseCases(useCases: Int): Unit = TODO()
    fun setImageAnalysisAnalyzer(executor: Executor, analyzer: ImageAnalysis.Analyzer): Unit = TODO()
    fun clearImageAnalysisAnalyzer(): Unit = TODO()

    companion object {
        const val IMAGE_ANALYSIS = 2
    }
}

class LifecycleCameraController(context: Context) : CameraController() {
    fun bindToLifecycle(owner: LifecycleOwner): Unit = TODO()
    fun unbind(): Unit = TODO()
}

class PreviewView(context: Context) : FrameLayout(context, null) {
    var controller: CameraController? = TODO()
}
