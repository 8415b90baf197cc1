package com.example.trashkeras

import kotlin.math.min

/** A part of an image, pixels. */
data class Part(val left: Int, val top: Int, val width: Int, val height: Int) {
    /** The square in the middle: what the viewfinder shows, and what is classified. */
    fun square(): Part {
        val side = min(width, height)
        return Part(left + (width - side) / 2, top + (height - side) / 2, side, side)
    }
}

/** What to do about the camera: use it, ask for it, or send the user to the settings. */
enum class CameraAccess { ALLOWED, ASK, SETTINGS }

/**
 * Decides between asking and the settings: Android shows its dialogue no more after two refusals.
 *
 * @param granted Whether the camera is allowed.
 * @param refused Whether the user has just refused.
 * @param canAsk Whether Android would show its dialogue again; it says so only after a refusal.
 */
fun cameraAccess(granted: Boolean, refused: Boolean, canAsk: Boolean): CameraAccess = when {
    granted -> CameraAccess.ALLOWED
    refused && !canAsk -> CameraAccess.SETTINGS
    else -> CameraAccess.ASK
}
