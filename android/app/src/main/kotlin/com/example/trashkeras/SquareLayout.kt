package com.example.trashkeras

import android.content.Context
import android.util.AttributeSet
import android.view.View.MeasureSpec
import android.widget.FrameLayout
import kotlin.math.min

/** The viewfinder: the largest square that has room. */
class SquareLayout(context: Context, attributes: AttributeSet?) : FrameLayout(context, attributes) {
    override fun onMeasure(widthMeasureSpec: Int, heightMeasureSpec: Int) {
        val (width, height) = listOf(widthMeasureSpec, heightMeasureSpec).map(MeasureSpec::getSize)
        val side = min(width, height)
        val exactly = MeasureSpec.makeMeasureSpec(side, MeasureSpec.EXACTLY)
        super.onMeasure(exactly, exactly)
    }
}
