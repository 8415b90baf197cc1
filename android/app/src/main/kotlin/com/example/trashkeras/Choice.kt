package com.example.trashkeras

/** The assets that can be run: files of `trash-keras export`, unchanged. */
const val INT8_FILE = "model_int8.tflite"
const val FLOAT_FILE = "model_float16.tflite"

/** What a model runs on. */
enum class Hardware { NPU, GPU, CPU }

/** A model file and what is to run it. */
data class Choice(val file: String, val hardware: Hardware)

/**
 * Returns what to try, the best first: the float file on an NPU or GPU, int8 on the CPU, float there.
 *
 * NPU and GPU compute in floating point and would take the int8 file apart; the CPU is fastest with
 * int8.
 *
 * @param assets Names of the files in the app.
 * @param available What LiteRT has found in this device.
 */
fun choices(assets: Collection<String>, available: Set<Hardware>): List<Choice> {
    val accelerators = listOf(Hardware.NPU, Hardware.GPU).filter { it in available }
    val all = accelerators.map { Choice(FLOAT_FILE, it) } +
        Choice(INT8_FILE, Hardware.CPU) + Choice(FLOAT_FILE, Hardware.CPU)
    return all.filter { it.file in assets }
}
