package org.json

/** Reads what `json.dumps` writes, as Android's class of this name does. */
class JSONObject(text: String) {
    @Suppress("UNCHECKED_CAST")
    private val values = Reader(text).value() as Map<String, Any?>

    fun getJSONArray(name: String): JSONArray = JSONArray(get(name) as List<*>)
    fun getString(name: String): String = get(name) as String
    fun getInt(name: String): Int = (get(name) as Double).toInt()
    fun getDouble(name: String): Double = get(name) as Double

    private fun get(name: String): Any? =
        values.getOrElse(name) { throw IllegalArgumentException("No value for $name") }
}

class JSONArray(private val values: List<*>) {
    fun length(): Int = values.size
    fun getString(index: Int): String = values[index] as String
}

private class Reader(private val text: String) {
    private var at = 0

    fun value(): Any? = when (peek()) {
        '{' -> list('}') { (value() as String).also { require(peek() == ':') }.also { at++ } to value() }.toMap()
        '[' -> list(']') { value() }
        '"' -> string()
        else -> word().let { if (it == "null") null else it.toBooleanStrictOrNull() ?: it.toDouble() }
    }

    private fun peek(): Char {
        while (text[at].isWhitespace()) at++
        return text[at]
    }

    private fun <T> list(end: Char, item: () -> T): List<T> {
        val items = mutableListOf<T>()
        at++
        while (peek() != end) {
            items += item()
            if (peek() == ',') at++
        }
        at++
        return items
    }

    private fun string(): String {
        val start = ++at
        while (text[at] != '"') at += if (text[at] == '\\') 2 else 1
        return text.substring(start, at++).replace(Regex("""\\(u[0-9a-f]{4}|.)""")) {
            val code = it.groupValues[1]
            if (code.length == 5) code.drop(1).toInt(16).toChar().toString() else ESCAPES[code] ?: code
        }
    }

    private fun word(): String {
        val start = at
        while (text[at] !in ",]} \n") at++
        return text.substring(start, at)
    }
}

private val ESCAPES = mapOf("n" to "\n", "t" to "\t", "r" to "\r", "b" to "\b", "f" to "\u000c")
