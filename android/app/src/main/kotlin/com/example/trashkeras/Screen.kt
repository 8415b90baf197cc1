package com.example.trashkeras

import android.app.Activity
import android.graphics.Bitmap
import android.view.View
import android.widget.Button
import android.widget.ImageView
import android.widget.TextView
import androidx.camera.view.PreviewView
import com.google.android.material.progressindicator.LinearProgressIndicator

/** What is on the screen: the square, the answer over it, bars below, and the camera's reason. */
class Screen(private val activity: Activity) {
    val preview: PreviewView = activity.findViewById(R.id.preview)
    private val image: ImageView = activity.findViewById(R.id.image)
    private val answer: View = activity.findViewById(R.id.answer)
    private val headline: TextView = activity.findViewById(R.id.headline)
    private val certainty: TextView = activity.findViewById(R.id.certainty)
    private val permission: View = activity.findViewById(R.id.permission)
    private val reason: TextView = activity.findViewById(R.id.reason)
    private val allow: Button = activity.findViewById(R.id.allow)
    private val runtime: TextView = activity.findViewById(R.id.runtime)
    private val bars = listOf(R.id.first, R.id.second, R.id.third)
        .map { activity.findViewById<View>(it) }

    /** Shows an image of the gallery, or with null the camera. */
    fun showImage(bitmap: Bitmap?, resize: Resize?) {
        image.setImageBitmap(bitmap)
        // A model that takes the centre of an image was shown just that.
        image.scaleType =
            if (resize == Resize.CROP) {
                ImageView.ScaleType.CENTER_CROP
            } else {
                ImageView.ScaleType.FIT_CENTER
            }
        image.visibility = if (bitmap == null) View.GONE else View.VISIBLE
        permission.visibility = View.GONE
    }

    /** Says why the camera is wanted, with a button that asks for it or opens the settings. */
    fun explainCamera(access: CameraAccess, act: () -> Unit) {
        val settings = access == CameraAccess.SETTINGS
        reason.setText(if (settings) R.string.camera_refused else R.string.camera_reason)
        allow.setText(if (settings) R.string.open_settings else R.string.allow_camera)
        allow.setOnClickListener { act() }
        say("")
        permission.visibility = View.VISIBLE
    }

    fun show(prediction: Prediction) {
        say(headline(prediction), certainty(prediction))
        bars.forEachIndexed { index, bar ->
            val shown = prediction.ranked.getOrNull(index)
            bar.visibility = if (shown == null) View.INVISIBLE else View.VISIBLE
            val (name, probability) = shown ?: return@forEachIndexed
            bar.findViewById<TextView>(R.id.name).text = name
            bar.findViewById<TextView>(R.id.share).text = percent(probability)
            bar.findViewById<LinearProgressIndicator>(R.id.bar)
                .setProgressCompat((100 * probability).toInt(), true)
        }
    }

    fun say(text: String, more: String = "") {
        // A screen reader speaks every change of the first; probabilities change with each frame.
        if (text != headline.text.toString()) headline.text = text
        answer.visibility = if (text.isEmpty()) View.GONE else View.VISIBLE
        certainty.text = more
        certainty.visibility = if (more.isEmpty()) View.GONE else View.VISIBLE
        if (more.isEmpty()) bars.forEach { it.visibility = View.INVISIBLE }
    }

    fun showRuntime(choice: Choice) {
        runtime.text = activity.getString(R.string.runtime, choice.file, choice.hardware.name)
    }

    private fun headline(prediction: Prediction): String {
        val names = prediction.candidates
        val others = names.dropLast(1).joinToString()
        return when (prediction.phrase) {
            Phrase.SURE -> prediction.label
            Phrase.PROBABLY -> activity.getString(R.string.probably, names.first())
            Phrase.PERHAPS -> activity.getString(R.string.perhaps, names.first())
            Phrase.EITHER -> activity.getString(R.string.either, others, names.last())
            Phrase.UNKNOWN -> activity.getString(R.string.unknown)
        }
    }

    private fun certainty(prediction: Prediction): String = when (prediction.phrase) {
        Phrase.SURE -> prediction.share
        Phrase.PROBABLY, Phrase.PERHAPS -> activity.getString(R.string.not_sure, prediction.share)
        Phrase.EITHER, Phrase.UNKNOWN -> ""
    }
}
