import javax.inject.Inject

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

/** Copies model files of the repository into the app's assets, under the names that it looks for. */
abstract class CopyModels : DefaultTask() {
    @get:InputFiles
    abstract val models: ConfigurableFileCollection

    @get:OutputDirectory
    abstract val assets: DirectoryProperty

    @get:Inject
    abstract val files: FileSystemOperations

    @TaskAction
    fun copy() {
        files.sync {
            from(models)
            into(assets)
            rename("trashnet_int8.tflite", "model_int8.tflite")
        }
    }
}

// The model that comes with the package, or the export folder that -Pmodels names.
val modelFolder = providers.gradleProperty("models").orElse("../trash_keras/assets")
val copyModels = tasks.register<CopyModels>("copyModels") {
    val folder = rootProject.fileTree(modelFolder)
    models.from(folder.matching { include("*_int8.tflite", "*_float16.tflite") })
}

androidComponents {
    onVariants { variant ->
        variant.sources.assets?.addGeneratedSourceDirectory(copyModels, CopyModels::assets)
    }
}

dependencies {
    implementation(libs.activity)
    implementation(libs.camera.camera2)
    implementation(libs.camera.view)
    implementation(libs.litert)
    implementation(libs.litert.gpu)
    implementation(libs.material)
}
