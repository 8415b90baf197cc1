package com.example.trashkeras

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.zip.Inflater

// Signatures and lengths of PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16.
private const val LOCAL_HEADER = 30
private const val CENTRAL = 0x02014b50
private const val CENTRAL_HEADER = 46
private const val END = 0x06054b50
private const val END_RECORD = 22
private const val LONGEST_COMMENT = 0xffff
private const val DEFLATED = 8

/**
 * Reads a file out of the zip archive that is appended to a `.tflite` file.
 *
 * `ZipInputStream` wants an archive that begins with its first file, `ZipFile` one that is a file;
 * an asset is neither.
 *
 * @param model All bytes of the `.tflite` file; its position and order stay as they are.
 * @param name Name of the file in the archive.
 * @return Its bytes, or null where there is no archive or no such file.
 */
fun appendedFile(model: ByteBuffer, name: String): ByteArray? {
    val bytes = model.duplicate().order(ByteOrder.LITTLE_ENDIAN)
    val last = bytes.limit() - END_RECORD
    val end = (last downTo maxOf(0, last - LONGEST_COMMENT)).find { bytes.getInt(it) == END }
        ?: return null
    val directory = end - bytes.getInt(end + 12)
    val start = directory - bytes.getInt(end + 16) // the byte of the file that the archive calls 0
    var entry = directory
    var found: Int? = null // of several with this name the last counts, as for Python
    while (entry < end && bytes.getInt(entry) == CENTRAL) {
        val length = bytes.short(entry + 28)
        if (String(bytes.copy(entry + CENTRAL_HEADER, length)) == name) found = entry
        entry += CENTRAL_HEADER + length + bytes.short(entry + 30) + bytes.short(entry + 32)
    }
    return found?.let { contents(bytes, it, start + bytes.getInt(it + 42)) }
}

private fun contents(bytes: ByteBuffer, entry: Int, local: Int): ByteArray {
    val start = local + LOCAL_HEADER + bytes.short(local + 26) + bytes.short(local + 28)
    val packed = bytes.copy(start, bytes.getInt(entry + 20))
    if (bytes.short(entry + 10) != DEFLATED) return packed
    val inflater = Inflater(true)
    inflater.setInput(packed)
    return ByteArray(bytes.getInt(entry + 24)).also {
        inflater.inflate(it)
        inflater.end()
    }
}

private fun ByteBuffer.short(index: Int): Int = getShort(index).toInt() and 0xffff

private fun ByteBuffer.copy(start: Int, length: Int): ByteArray =
    ByteArray(length) { get(start + it) }
