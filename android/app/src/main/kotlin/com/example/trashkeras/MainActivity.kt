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

/** Shows the camera or an image of the gallery, and the model's prediction. */
class MainActivity : ComponentActivity() {
    private val worker = Executors.newSingleThreadExecutor() // the classifier takes one at a time
    private val camera by lazy { LifecycleCameraController(this) }
    private var classifier: Classifier? = null
    private var chosen: Uri? = null // the image that is shown instead of the camera

    private val preview by lazy { findViewById<PreviewView>(R.id.preview) }
    private val image by lazy { findViewById<ImageView>(R.id.image) }
    private val label by lazy { findViewById<TextView>(R.id.label) }
    private val details by lazy { findViewById<TextView>(R.id.details) }

    private val askForCamera = registerForActivityResult(RequestPermission()) { granted ->
        if (granted) showCamera() else say(getString(R.string.camera_not_allowed))
    }
    private val chooseImage = registerForActivityResult(PickVisualMedia()) { uri ->
        if (uri != null) showImage(uri)
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.main)
        try {
            classifier = Classifier(assets)
        } catch (error: Exception) { // no asset, another kind of file, or an error of the runtime
            return say(getString(R.string.no_model, "$MODEL_FILE: ${error.message}"))
        }
        setUpCamera()
        findViewById<Button>(R.id.use_camera).setOnClickListener { showCamera() }
        findViewById<Button>(R.id.choose_image).setOnClickListener {
            chooseImage.launch(PickVisualMediaRequest(PickVisualMedia.ImageOnly))
        }
        val before = savedInstanceState?.getString(CHOSEN)
        if (before == null) showCamera() else showImage(Uri.parse(before))
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putString(CHOSEN, chosen?.toString())
    }

    override fun onDestroy() {
        super.onDestroy()
        camera.clearImageAnalysisAnalyzer()
        worker.shutdown()
        // Never while the worker uses it; if that takes longer, the garbage collector closes it.
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
        image.visibility = View.GONE
        say(getString(R.string.classifying))
        camera.setImageAnalysisAnalyzer(worker) { frame -> classify(frame) }
        camera.bindToLifecycle(this)
    }

    private fun classify(frame: ImageProxy) {
        val prediction = frame.use { classifier?.classify(it.upright().toImageRows()) } ?: return
        runOnUiThread { if (chosen == null) show(prediction) }
    }

    private fun showImage(uri: Uri) {
        chosen = uri
        camera.clearImageAnalysisAnalyzer()
        camera.unbind()
        say(getString(R.string.classifying))
        worker.execute {
            val bitmap = runCatching { decode(contentResolver, uri) }.getOrNull()
            val prediction = bitmap?.let { classifier?.classify(it.toImageRows()) }
            runOnUiThread {
                if (chosen != uri) return@runOnUiThread // the camera or another image came after
                image.setImageBitmap(bitmap)
                image.visibility = View.VISIBLE
                if (prediction == null) say(getString(R.string.unreadable)) else show(prediction)
            }
        }
    }

    private fun show(prediction: Prediction) {
        say(
            words(prediction),
            prediction.ranked.take(SHOWN_CLASSES).joinToString(" · ") { (name, probability) ->
                "%s %.1f %%".format(name, probability * 100)
            }
        )
    }

    private fun words(prediction: Prediction): String {
        val names = prediction.candidates
        val others = names.dropLast(1).joinToString()
        return when (prediction.phrase) {
            Phrase.SURE -> prediction.label
            Phrase.PROBABLY -> getString(R.string.probably, names.first())
            Phrase.PERHAPS -> getString(R.string.perhaps, names.first())
            Phrase.EITHER -> getString(R.string.either, others, names.last())
            Phrase.UNKNOWN -> getString(R.string.unknown)
        }
    }

    private fun say(text: String, more: String = "") {
        if (text != label.text.toString()) label.text = text // a screen reader speaks every change
        details.text = more
    }
}
