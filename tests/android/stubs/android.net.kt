package android.net

class Uri {
    companion object {
        fun parse(text: String): Uri = TODO()
        fun fromParts(scheme: String, ssp: String, fragment: String?): Uri = TODO()
    }
}
