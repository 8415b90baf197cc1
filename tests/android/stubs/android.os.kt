package android.os

class Bundle {
    fun getString(key: String?): String? = TODO()
    fun putString(key: String?, value: String?): Unit = TODO()
}
