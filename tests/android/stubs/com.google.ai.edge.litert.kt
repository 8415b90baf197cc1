package com.google.ai.edge.litert

import android.content.Context
import android.content.res.AssetManager

// litert/kotlin/src/main/kotlin of google-ai-edge/LiteRT, as it was in November 2026.

enum class Accelerator { NONE, CPU, GPU, NPU }

abstract class JniHandle internal constructor() : AutoCloseable {
    final override fun close(): Unit = TODO()
}

class Environment private constructor() : JniHandle() {
    enum class Option { CompilerPluginLibraryDir, DispatchLibraryDir }

    fun getAvailableAccelerators(): Set<Accelerator> = TODO()

    companion object {
        fun create(
            context: Context,
            options: Map<Option, String> = mapOf(),
            enableCompilerCache: Boolean = true,
        ): Environment = TODO()
    }
}

class TensorBuffer internal constructor() : JniHandle() {
    fun writeFloat(data: FloatArray): Unit = TODO()
    fun readFloat(): FloatArray = TODO()
}

class CompiledModel private constructor() : JniHandle() {
    class Options constructor(internal vararg val accelerators: Accelerator) {
        companion object {
            val CPU = Options(Accelerator.CPU)
        }
    }

    fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = TODO()
    fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = TODO()
    fun run(
        inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signatureIndex: Int = 0,
    ): Unit = TODO()

    companion object {
        fun create(
            assetManager: AssetManager,
            assetName: String,
            options: Options = Options.CPU,
            optionalEnv: Environment? = null,
        ): CompiledModel = TODO()
    }
}
