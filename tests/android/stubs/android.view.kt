package android.view

abstract class View {
    var visibility: Int = TODO()
    fun setOnClickListener(listener: OnClickListener?): Unit = TODO()

    fun interface OnClickListener {
        fun onClick(view: View)
    }

    companion object {
        const val VISIBLE = 0
        const val GONE = 8
    }
}
