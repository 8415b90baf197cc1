package android.view

import android.content.Context
import android.util.AttributeSet

open class View(context: Context?, attributes: AttributeSet? = null) {
    var visibility: Int = TODO()
    fun setOnClickListener(listener: OnClickListener?): Unit = TODO()
    fun <T : View> findViewById(id: Int): T = TODO()
    protected open fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int): Unit = TODO()

    fun interface OnClickListener {
        fun onClick(view: View)
    }

    object MeasureSpec {
        const val EXACTLY = 1 shl 30
        fun getSize(measureSpec: Int): Int = TODO()
        fun makeMeasureSpec(size: Int, mode: Int): Int = TODO()
    }

    companion object {
        const val VISIBLE = 0
        const val INVISIBLE = 4
        const val GONE = 8
    }
}
