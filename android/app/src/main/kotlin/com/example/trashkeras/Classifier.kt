package com.example.trashkeras

import android.content.Context
import android.content.res.AssetManager
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel.MapMode

/** The model of this app. To be used by one thread at a time. */
class Classifier private constructor(context: Context, val choice: Choice) : AutoCloseable {
    private val model = map(context.assets, choice.file)
    val metadata = ModelMetadata.read(model)
    private val runtime = if (choice.hardware == Hardware.CPU) {
        InterpreterRuntime(model, metadata)
    } else {
        CompiledRuntime(context, choice, metadata.classNames.size, metadata.imageSize)
    }

    /** Returns the probabilities of an image of any size, in the order of the class names. */
    fun probabilities(image: ImageRows): FloatArray =
        runtime.run(image.toSquare(metadata.imageSize, metadata.resize))

    override fun close() = runtime.close()

    companion object {
        /**
         * Opens the first of `choices` that works. Compiling for a GPU can take seconds.
         *
         * @throws IllegalStateException None works; it says why.
         */
        fun open(context: Context): Classifier {
            val files = context.assets.list("").orEmpty().asList()
            val failures = choices(files, availableHardware(context)).map { choice ->
                runCatching { return Classifier(context, choice) }
                    .exceptionOrNull().let { "${choice.file}: ${it?.message}" }
            }
            error(failures.joinToString().ifEmpty { "there is no $INT8_FILE" })
        }
    }
}

private fun map(assets: AssetManager, name: String): ByteBuffer = assets.openFd(name).use { file ->
    FileInputStream(file.fileDescriptor).use {
        it.channel.map(MapMode.READ_ONLY, file.startOffset, file.declaredLength)
    }
}
