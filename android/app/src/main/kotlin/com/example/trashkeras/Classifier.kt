package com.example.trashkeras

import android.content.res.AssetManager
import java.io.FileInputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel.MapMode
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.Tensor

/** The asset that is run: a file of `trash-keras export`, unchanged. */
const val MODEL_FILE = "model_int8.tflite"

private const val THREADS = 2

/** The model of this app. To be used by one thread at a time. */
class Classifier(assets: AssetManager) : AutoCloseable {
    private val model = map(assets)
    private val metadata = ModelMetadata.read(model)
    private val interpreter = Interpreter(model, Interpreter.Options().setNumThreads(THREADS))
    private val input = format(interpreter.getInputTensor(0))
    private val output = format(interpreter.getOutputTensor(0))
    private val levels = input.allocate()

    init {
        metadata.check(input, output)
    }

    /** Classifies an image of any size. */
    fun classify(image: ImageRows): Prediction {
        input.write(image.toSquare(metadata.imageSize, metadata.resize), levels)
        val probabilities = output.allocate() // filling moves its position, so it is taken once
        interpreter.run(levels, probabilities)
        return Prediction(output.read(probabilities), metadata)
    }

    override fun close() = interpreter.close()
}

private fun map(assets: AssetManager): ByteBuffer = assets.openFd(MODEL_FILE).use { file ->
    FileInputStream(file.fileDescriptor).use {
        it.channel.map(MapMode.READ_ONLY, file.startOffset, file.declaredLength)
    }
}

private fun format(tensor: Tensor): TensorFormat {
    val type = tensor.dataType()
    require(type == DataType.FLOAT32 || type == DataType.UINT8) {
        "expected tensors of float32 or uint8. Received: $type"
    }
    val quantization = tensor.quantizationParams()
    return TensorFormat(
        shape = tensor.shape().asList(),
        floats = type == DataType.FLOAT32,
        scale = quantization.scale,
        zeroPoint = quantization.zeroPoint
    )
}
