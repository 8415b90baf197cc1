package android.util

interface AttributeSet

class Size {
    val width: Int = TODO()
    val height: Int = TODO()
}
