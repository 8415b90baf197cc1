package com.example.trashkeras

import android.content.Context
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.Environment
import java.nio.ByteBuffer
import org.tensorflow.lite.DataType
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.Tensor

private const val THREADS = 2

/** Runs a model file, whatever LiteRT does it with. To be used by one thread at a time. */
interface Runtime : AutoCloseable {
    /**
     * @param square RGB levels 0..255, unsigned bytes [side, side, 3].
     * @return A probability for each class.
     */
    fun run(square: ByteArray): FloatArray
}

/** LiteRT's interpreter on the CPU: takes float and int8 files, whose ends are uint8. */
class InterpreterRuntime(model: ByteBuffer, metadata: ModelMetadata) : Runtime {
    private val interpreter = Interpreter(model, Interpreter.Options().setNumThreads(THREADS))
    private val input = format(interpreter.getInputTensor(0))
    private val output = format(interpreter.getOutputTensor(0))
    private val levels = input.allocate()

    init {
        metadata.check(input, output)
    }

    override fun run(square: ByteArray): FloatArray {
        input.write(square, levels)
        val probabilities = output.allocate() // filling moves its position, so it is taken once
        interpreter.run(levels, probabilities)
        return output.read(probabilities)
    }

    override fun close() = interpreter.close()
}

/**
 * LiteRT 2's compiled model on GPU or NPU: takes float files.
 *
 * @throws Exception This device cannot run the file there. The CPU is left out of the options, since
 *     LiteRT would else take it without a word.
 */
class CompiledRuntime(context: Context, choice: Choice, classes: Int, side: Int) : Runtime {
    private val environment = Environment.create(context)
    private val model = CompiledModel.create(
        context.assets,
        choice.file,
        CompiledModel.Options(accelerator(choice.hardware)),
        environment
    )
    private val inputs = model.createInputBuffers()
    private val outputs = model.createOutputBuffers()
    private val levels = FloatArray(side * side * 3)

    init {
        val count = run(ByteArray(levels.size)).size // the first run also compiles what is left
        require(count == classes) { "expected $classes probabilities. Received: $count" }
    }

    override fun run(square: ByteArray): FloatArray {
        square.forEachIndexed { index, level -> levels[index] = (level.toInt() and 0xff).toFloat() }
        inputs.single().writeFloat(levels)
        model.run(inputs, outputs)
        return outputs.single().readFloat()
    }

    override fun close() {
        (inputs + outputs).forEach { it.close() }
        model.close()
        environment.close()
    }
}

/** Returns what LiteRT can use in this device; nothing where its library cannot be loaded. */
fun availableHardware(context: Context): Set<Hardware> = runCatching {
    Environment.create(context).use { environment ->
        val found = environment.getAvailableAccelerators()
        Hardware.entries.filter { accelerator(it) in found }.toSet()
    }
}.getOrDefault(emptySet())

private fun accelerator(hardware: Hardware): Accelerator = when (hardware) {
    Hardware.NPU -> Accelerator.NPU
    Hardware.GPU -> Accelerator.GPU
    Hardware.CPU -> Accelerator.CPU
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
