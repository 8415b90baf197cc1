package android.util

class Size {
    val width: Int = TODO()
    val height: Int = TODO()
}
