package com.example.trashkeras

import android.Manifest
import android.content.pm.PackageManager
import android.net.Uri
import android.os.Bundle
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts.PickVisualMedia
import androidx.activity.result.contract.ActivityResultContracts.RequestPermission
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.view.CameraController
import androidx.camera.view.LifecycleCameraController
import androidx.camera.view.PreviewView
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit

private const val CHOSEN = "chosen"
private const val SHOWN_CLASSES = 3

/** Shows the camera or a picture of the gallery, and what the model says of it. */
class MainActivity : ComponentActivity() {
    private val worker = Executors.newSingleThreadExecutor() // the classifier takes one at a time
    private val camera by lazy { LifecycleCameraController(this) }
    private var classifier: Classifier? = null
    private var chosen: Uri? = null // the picture that is shown instead of the camera

    private val preview by lazy { findViewById<PreviewView>(R.id.preview) }
    private val picture by lazy { findViewById<ImageView>(R.id.picture) }
    private val label by lazy { findViewById<TextView>(R.id.label) }
    private val details by lazy { findViewById<TextView>(R.id.details) }

    private val askForCamera = registerForActivityResult(RequestPermission()) { granted ->
        if (granted) showCamera() else say(getString(R.string.camera_not_allowed))
    }
    private val choosePicture = registerForActivityResult(PickVisualMedia()) { uri ->
        if (uri != null) showPicture(uri)
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        try {
            classifier = Classifier(assets)
        } catch (error: Exception) { // no asset, a file of something else, a runtime's own kinds
            return say(getString(R.string.no_model, "$MODEL_FILE: ${error.message}"))
        }
        setUpCamera()
        findViewById<Button>(R.id.use_camera).setOnClickListener { showCamera() }
        findViewById<Button>(R.id.choose_picture).setOnClickListener {
            choosePicture.launch(PickVisualMediaRequest(PickVisualMedia.ImageOnly))
        }
        val before = savedInstanceState?.getString(CHOSEN)
        if (before == null) showCamera() else showPicture(Uri.parse(before))
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putString(CHOSEN, chosen?.toString())
    }

    override fun onDestroy() {
        super.onDestroy()
        camera.clearImageAnalysisAnalyzer()
        worker.shutdown()
        // Never under the hands of the worker; should it be late, the garbage collector closes.
        if (worker.awaitTermination(1, TimeUnit.SECONDS)) classifier?.close()
    }

    private fun setUpCamera() {
        val facesBack = PackageManager.FEATURE_CAMERA
        if (!packageManager.hasSystemFeature(facesBack)) {
            camera.cameraSelector = CameraSelector.DEFAULT_FRONT_CAMERA
        }
        camera.setEnabledUseCases(CameraController.IMAGE_ANALYSIS)
        camera.imageAnalysisOutputImageFormat = ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888
        camera.imageAnalysisBackpressureStrategy = ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST
        preview.controller = camera
    }

    private fun showCamera() {
        if (!packageManager.hasSystemFeature(PackageManager.FEATURE_CAMERA_ANY)) {
            return say(getString(R.string.no_camera))
        }
        if (checkSelfPermission(Manifest.permission.CAMERA) != PackageManager.PERMISSION_GRANTED) {
            return askForCamera.launch(Manifest.permission.CAMERA)
        }
        chosen = null
        picture.visibility = View.GONE
        say(getString(R.string.looking))
        camera.setImageAnalysisAnalyzer(worker) { frame -> classify(frame) }
        camera.bindToLifecycle(this)
    }

    private fun classify(frame: ImageProxy) {
        val answer = frame.use { classifier?.classify(it.upright().toPicture()) } ?: return
        runOnUiThread { if (chosen == null) show(answer) }
    }

    private fun showPicture(uri: Uri) {
        chosen = uri
        camera.clearImageAnalysisAnalyzer()
        camera.unbind()
        say(getString(R.string.looking))
        worker.execute {
            val bitmap = runCatching { decode(contentResolver, uri) }.getOrNull()
            val answer = bitmap?.let { classifier?.classify(it.toPicture()) }
            runOnUiThread {
                if (chosen != uri) return@runOnUiThread // the camera or another picture came after
                picture.setImageBitmap(bitmap)
                picture.visibility = View.VISIBLE
                if (answer == null) say(getString(R.string.unreadable)) else show(answer)
            }
        }
    }

    private fun show(answer: Answer) {
        say(
            answer.label,
            answer.ranked.take(SHOWN_CLASSES).joinToString(" · ") { (name, probability) ->
                "%s %.1f %%".format(name, probability * 100)
            }
        )
    }

    private fun say(text: String, more: String = "") {
        if (text != label.text.toString()) label.text = text // a screen reader speaks every change
        details.text = more
    }
}
