package android.widget

import android.content.Context
import android.graphics.Bitmap
import android.util.AttributeSet
import android.view.View

open class FrameLayout(context: Context, attributes: AttributeSet?) : View(context, attributes)

open class TextView(context: Context?) : View(context) {
    var text: CharSequence = TODO()
    fun setText(resource: Int): Unit = TODO()
}

open class Button(context: Context?) : TextView(context)

open class ProgressBar(context: Context?) : View(context)

class ImageView(context: Context?) : View(context) {
    var scaleType: ScaleType = TODO()
    fun setImageBitmap(bitmap: Bitmap?): Unit = TODO()

    enum class ScaleType { FIT_CENTER, CENTER_CROP }
}
