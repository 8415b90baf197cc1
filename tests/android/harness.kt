package com.example.trashkeras

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/** Runs a command with the app's own code for each line of the input; prints a line for each. */
fun main() = generateSequence(::readlnOrNull).forEach { line ->
    val words = line.split(' ')
    println(
        try {
            run(words.first(), words.drop(1))
        } catch (error: IllegalArgumentException) {
            "error: ${error.message}"
        }
    )
}

private fun run(command: String, words: List<String>): String = when (command) {
    "metadata" -> metadata(words[0]).let {
        (it.classNames + listOf(it.imageSize, it.resize, it.threshold)).joinToString("\t")
    }
    "check" -> metadata(words[0]).check(format(words[1]), format(words[2])).let { "fits" }
    "square" -> square(words[0], words[1].toInt(), words[2].toInt(), words[3].toInt(), words[4])
    "write" -> write(format(words[0]), words[1])
    "predict" -> format(words[1]).read(bytes(words[2])).let { probabilities ->
        val prediction = Prediction(probabilities, metadata(words[0]))
        (listOf(prediction.label) + prediction.ranked.flatMap { it.toList() }).joinToString("\t")
    }
    "say" -> words.drop(1).map(String::toFloat).toFloatArray().let { probabilities ->
        val names = List(probabilities.size) { "class$it" }
        val metadata = ModelMetadata(names, 1, Resize.PAD, words[0].toDouble())
        val prediction = Prediction(probabilities, metadata)
        (listOf(prediction.phrase, prediction.share) + prediction.candidates).joinToString("\t")
    }
    "smooth" -> Smoothing().let { smoothing ->
        words.joinToString("\t") { word ->
            if (word == "clear") {
                smoothing.clear().let { "clear" }
            } else {
                smoothing.add(word.split(',').map(String::toFloat).toFloatArray()).joinToString(",")
            }
        }
    }
    "part" -> words.map(String::toInt).let { (left, top, width, height) ->
        Part(left, top, width, height).square().let { "${it.left} ${it.top} ${it.width} ${it.height}" }
    }
    "access" -> words.map(String::toBoolean).let { (granted, refused, canAsk) ->
        cameraAccess(granted, refused, canAsk).name
    }
    "choices" -> {
        val hardware = words[1].split(',').filter(String::isNotEmpty).map(Hardware::valueOf)
        choices(words[0].split(','), hardware.toSet()).joinToString("\t") { (file, on) ->
            "$file $on"
        }
    }
    else -> error(command)
}

private fun bytes(path: String): ByteBuffer =
    ByteBuffer.wrap(File(path).readBytes()).order(ByteOrder.nativeOrder())

private fun metadata(path: String): ModelMetadata = ModelMetadata.read(bytes(path))

/** Of "1x16x16x3,float,1.0,0". */
private fun format(text: String): TensorFormat = text.split(',').let {
    TensorFormat(
        it[0].split('x').map(String::toInt), it[1] == "float", it[2].toFloat(), it[3].toInt()
    )
}

/** Replaces a file of ARGB bytes by its square's RGB. */
private fun square(path: String, width: Int, height: Int, side: Int, resize: String): String {
    val pixels = ByteBuffer.wrap(File(path).readBytes()).asIntBuffer()
    val image = ImageRows(width, height) { row, into ->
        for (column in 0 until width) into[column] = pixels.get(row * width + column)
    }
    File(path).writeBytes(image.toSquare(side, Resize.valueOf(resize)))
    return "done"
}

/** Replaces a file of levels by the tensor that a model is given. */
private fun write(format: TensorFormat, path: String): String {
    val tensor = format.allocate()
    format.write(File(path).readBytes(), tensor)
    File(path).writeBytes(ByteArray(tensor.capacity()) { tensor.get(it) })
    return "done"
}
