package org.tensorflow.lite

import java.nio.ByteBuffer

enum class DataType { FLOAT32, UINT8 }

interface Tensor {
    fun dataType(): DataType
    fun shape(): IntArray
    fun quantizationParams(): QuantizationParams

    class QuantizationParams(val scale: Float, val zeroPoint: Int)
}

class Interpreter(byteBuffer: ByteBuffer, options: Options?) : AutoCloseable {
    class Options {
        fun setNumThreads(numThreads: Int): Options = TODO()
    }

    fun getInputTensor(inputIndex: Int): Tensor = TODO()
    fun getOutputTensor(outputIndex: Int): Tensor = TODO()
    fun run(input: Any, output: Any): Unit = TODO()
    override fun close() = TODO()
}
