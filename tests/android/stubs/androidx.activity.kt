package androidx.activity

import android.content.Context
import android.os.Bundle
import android.view.View
import androidx.activity.result.ActivityResultCallback
import androidx.activity.result.ActivityResultLauncher
import androidx.activity.result.contract.ActivityResultContract
import androidx.lifecycle.LifecycleOwner

// Methods of android.app.Activity among them, which the app calls through this one.
abstract class ComponentActivity : Context(), LifecycleOwner {
    protected open fun onCreate(savedInstanceState: Bundle?): Unit = TODO()
    protected open fun onSaveInstanceState(outState: Bundle): Unit = TODO()
    protected open fun onDestroy(): Unit = TODO()
    fun setContentView(layout: Int): Unit = TODO()
    fun <T : View> findViewById(id: Int): T = TODO()
    fun runOnUiThread(action: Runnable): Unit = TODO()
    fun <I, O> registerForActivityResult(
        contract: ActivityResultContract<I, O>, callback: ActivityResultCallback<O>,
    ): ActivityResultLauncher<I> = TODO()
}
