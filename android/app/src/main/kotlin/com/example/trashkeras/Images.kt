package com.example.trashkeras

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.ColorSpace
import android.graphics.ImageDecoder
import android.graphics.Matrix
import android.net.Uri
import androidx.camera.core.ImageProxy
import kotlin.math.ceil
import kotlin.math.sqrt

/** More pixels than these are decoded at a fraction of their size; the screen takes no more. */
private const val MAX_PIXELS = 16_000_000.0

/** Decodes an image file of any size, turned upright as its EXIF orientation says. */
fun decode(resolver: ContentResolver, uri: Uri): Bitmap =
    ImageDecoder.decodeBitmap(ImageDecoder.createSource(resolver, uri)) { decoder, header, _ ->
        val pixels = header.size.width.toDouble() * header.size.height
        decoder.setTargetSampleSize(ceil(sqrt(pixels / MAX_PIXELS)).toInt())
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE // its pixels are read
        // As trash_keras/data/colour.py does, whatever profile is in the file.
        decoder.setTargetColorSpace(ColorSpace.get(ColorSpace.Named.SRGB))
    }

/** Returns what the square viewfinder shows of a camera frame, turned upright. */
fun ImageProxy.upright(): Bitmap {
    val turn = Matrix().apply { postRotate(imageInfo.rotationDegrees.toFloat()) }
    val shown = cropRect.run { Part(left, top, width(), height()) }.square()
    return Bitmap.createBitmap(
        toBitmap(),
        shown.left,
        shown.top,
        shown.width,
        shown.height,
        turn,
        false
    )
}

/** Makes the pixels of a bitmap readable for `toSquare`. */
fun Bitmap.toImageRows(): ImageRows =
    ImageRows(width, height) { row, pixels -> getPixels(pixels, 0, width, 0, row, width, 1) }
