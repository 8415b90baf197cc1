package com.google.android.material.progressindicator

import android.content.Context
import android.widget.ProgressBar

abstract class BaseProgressIndicator(context: Context) : ProgressBar(context) {
    open fun setProgressCompat(progress: Int, animated: Boolean): Unit = TODO()
}

class LinearProgressIndicator(context: Context) : BaseProgressIndicator(context)
