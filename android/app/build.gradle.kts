plugins {
    alias(libs.plugins.android.application)
}

android {
    namespace = "com.example.trashkeras"
    compileSdk = 37

    defaultConfig {
        applicationId = "com.example.trashkeras"
        minSdk = 28 // ImageDecoder
        targetSdk = 36
        versionCode = 1
        versionName = "1.0"
    }

    androidResources {
        noCompress += "tflite" // the model is mapped into memory as it lies in the package
    }
}

dependencies {
    implementation(libs.activity)
    implementation(libs.camera.camera2)
    implementation(libs.camera.view)
    implementation(libs.litert)
}
