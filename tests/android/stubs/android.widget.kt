package android.widget

import android.graphics.Bitmap
import android.view.View

abstract class FrameLayout : View()

open class TextView : View() {
    var text: CharSequence = TODO()
}

class Button : TextView()

class ImageView : View() {
    fun setImageBitmap(bitmap: Bitmap?): Unit = TODO()
}
