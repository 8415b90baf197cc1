package com.example.trashkeras

import android.Manifest
import android.content.Intent
import android.content.pm.PackageManager
import android.net.Uri
import android.os.Bundle
import android.provider.Settings
import android.view.View
import androidx.activity.ComponentActivity
import androidx.activity.enableEdgeToEdge
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts.PickVisualMedia
import androidx.activity.result.contract.ActivityResultContracts.RequestPermission
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.view.CameraController
import androidx.camera.view.LifecycleCameraController
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit

private const val CHOSEN = "chosen"

/** Shows the camera or an image of the gallery, and the model's prediction. */
class MainActivity : ComponentActivity() {
    private val worker = Executors.newSingleThreadExecutor() // the classifier takes one at a time
    private val camera by lazy { LifecycleCameraController(this) }
    private val screen by lazy { Screen(this) }
    private val smoothing = Smoothing() // of the worker
    private var classifier: Classifier? = null // of the worker
    private var failure = "" // why there is no classifier
    private var chosen: Uri? = null // the image that is shown instead of the camera
    private var inSettings = false

    private val askForCamera = registerForActivityResult(RequestPermission()) { granted ->
        if (granted) showCamera() else explainCamera(refused = true)
    }
    private val chooseImage = registerForActivityResult(PickVisualMedia()) { uri ->
        if (uri != null) showImage(uri)
    }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        enableEdgeToEdge()
        setContentView(R.layout.main)
        screen.say(getString(R.string.loading))
        worker.execute { open() }
        setUpCamera()
        findViewById<View>(R.id.use_camera).setOnClickListener { showCamera() }
        findViewById<View>(R.id.choose_image).setOnClickListener {
            chooseImage.launch(PickVisualMediaRequest(PickVisualMedia.ImageOnly))
        }
        val before = savedInstanceState?.getString(CHOSEN)
        if (before == null) showCamera() else showImage(Uri.parse(before))
    }

    override fun onResume() {
        super.onResume()
        if (inSettings && isCameraAllowed()) showCamera()
        inSettings = false
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putString(CHOSEN, chosen?.toString())
    }

    override fun onDestroy() {
        super.onDestroy()
        camera.clearImageAnalysisAnalyzer()
        worker.execute { classifier?.close() } // after all that it was given before
        worker.shutdown()
        worker.awaitTermination(1, TimeUnit.SECONDS)
    }

    private fun open() {
        try {
            classifier = Classifier.open(this).also { opened ->
                runOnUiThread { screen.showRuntime(opened.choice) }
            }
        } catch (error: Exception) { // no asset, another kind of file, or an error of the runtime
            failure = getString(R.string.no_model, error.message)
            runOnUiThread { screen.say(failure) }
        }
    }

    private fun setUpCamera() {
        if (!packageManager.hasSystemFeature(PackageManager.FEATURE_CAMERA)) { // one at the back
            camera.cameraSelector = CameraSelector.DEFAULT_FRONT_CAMERA
        }
        camera.setEnabledUseCases(CameraController.IMAGE_ANALYSIS)
        camera.imageAnalysisOutputImageFormat = ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888
        camera.imageAnalysisBackpressureStrategy = ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST
        screen.preview.controller = camera
    }

    private fun isCameraAllowed() =
        checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED

    private fun showCamera() {
        if (!packageManager.hasSystemFeature(PackageManager.FEATURE_CAMERA_ANY)) {
            return screen.say(getString(R.string.no_camera))
        }
        chosen = null
        screen.showImage(null, null)
        if (!isCameraAllowed()) return explainCamera(refused = false)
        worker.execute { smoothing.clear() }
        camera.setImageAnalysisAnalyzer(worker) { frame -> classify(frame) }
        camera.bindToLifecycle(this)
    }

    private fun explainCamera(refused: Boolean) {
        val canAsk = shouldShowRequestPermissionRationale(Manifest.permission.CAMERA)
        val access = cameraAccess(isCameraAllowed(), refused, canAsk)
        screen.explainCamera(access) {
            if (access == CameraAccess.SETTINGS) {
                inSettings = true
                val page = Uri.fromParts("package", packageName, null)
                startActivity(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, page))
            } else {
                askForCamera.launch(Manifest.permission.CAMERA)
            }
        }
    }

    private fun classify(frame: ImageProxy) {
        val (metadata, row) = frame.use {
            val model = classifier ?: return
            model.metadata to model.probabilities(it.upright().toImageRows())
        }
        val prediction = Prediction(smoothing.add(row), metadata)
        runOnUiThread { if (chosen == null) screen.show(prediction) }
    }

    private fun showImage(uri: Uri) {
        chosen = uri
        camera.clearImageAnalysisAnalyzer()
        camera.unbind()
        screen.say(getString(R.string.classifying))
        worker.execute {
            val bitmap = runCatching { decode(contentResolver, uri) }.getOrNull()
            val model = classifier ?: return@execute runOnUiThread { screen.say(failure) }
            val row = bitmap?.let { model.probabilities(it.toImageRows()) }
            runOnUiThread {
                if (chosen != uri) return@runOnUiThread // the camera or another image came after
                screen.showImage(bitmap, model.metadata.resize)
                if (row == null) {
                    screen.say(getString(R.string.unreadable))
                } else {
                    screen.show(Prediction(row, model.metadata))
                }
            }
        }
    }
}
