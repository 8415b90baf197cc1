package android.app

import android.content.Context
import android.os.Bundle
import android.view.View

abstract class Activity : Context() {
    protected open fun onCreate(savedInstanceState: Bundle?): Unit = TODO()
    protected open fun onResume(): Unit = TODO()
    protected open fun onSaveInstanceState(outState: Bundle): Unit = TODO()
    protected open fun onDestroy(): Unit = TODO()
    open fun setContentView(layout: Int): Unit = TODO()
    fun <T : View> findViewById(id: Int): T = TODO()
    fun runOnUiThread(action: Runnable): Unit = TODO()
    fun shouldShowRequestPermissionRationale(permission: String): Boolean = TODO()
}
