buildscript {
    dependencies {
        // The Android plugin compiles Kotlin itself, with 2.2; this raises it to the version we check with.
        classpath(libs.kotlin.gradle.plugin)
    }
}

plugins {
    alias(libs.plugins.android.application) apply false
}
