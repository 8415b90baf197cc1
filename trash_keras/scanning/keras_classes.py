"""What the configuration in a `.keras` file may name: Keras' own layers that only compute.

Left out are layers that run code or read files (Lambda, TFSMLayer, FlaxLayer, JaxLayer,
TorchModuleWrapper, the vocabularies of StringLookup, IntegerLookup and TextVectorization) and
everything outside Keras.
"""

from typing import Any

from trash_keras.scanning import rules

LAYERS = rules.names(
    """
    Activation ActivityRegularization AdaptiveAveragePooling1D AdaptiveAveragePooling2D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D Add AdditiveAttention AlphaDropout Attention Average
    AveragePooling1D AveragePooling2D AveragePooling3D BatchNormalization CenterCrop Concatenate
    Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D Cropping2D
    Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU EinsumDense Embedding Flatten
    GaussianDropout GaussianNoise GlobalAveragePooling1D GlobalAveragePooling2D
    GlobalAveragePooling3D GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GroupNormalization GroupQueryAttention Identity InputLayer LayerNormalization LeakyReLU
    MaxPooling1D MaxPooling2D MaxPooling3D Maximum Minimum MultiHeadAttention Multiply
    Normalization PReLU Permute RMSNormalization RandomBrightness RandomColorDegeneration
    RandomColorJitter RandomContrast RandomCrop RandomFlip RandomGrayscale RandomHue
    RandomPosterization RandomRotation RandomSaturation RandomSharpness RandomShear
    RandomTranslation RandomZoom ReLU RepeatVector Rescaling Reshape Resizing SeparableConv1D
    SeparableConv2D Softmax SpatialDropout1D SpatialDropout2D SpatialDropout3D
    SpectralNormalization Subtract TimeDistributed UnitNormalization UpSampling1D UpSampling2D
    UpSampling3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
    """
)
OPERATIONS = rules.names(
    """
    Abs Absolute Add Amax Amin Any All Argmax Argmin Average BroadcastTo Cast Ceil Clip Concatenate
    Copy Cos Cumsum Divide DivideNoNan Dot Einsum Equal Erf Exp ExpandDims Expm1 Flip Floor
    FloorDivide GetItem Greater GreaterEqual Less LessEqual Log Log10 Log1p Log2 LogicalAnd
    LogicalNot LogicalOr Logsumexp Matmul Max Maximum Mean Min Minimum Mod Moveaxis Multiply
    Negative NotEqual OnesLike Pad Power Prod Ravel Reciprocal Repeat Reshape Roll Round Rsqrt Sign
    Sin Slice Split Sqrt Square Squeeze Stack Std StopGradient Subtract Sum Swapaxes Take Tanh
    Tensordot Tile Transpose TrueDivide Unstack Var Where ZerosLike
    AveragePool BatchNorm Conv ConvTranspose DepthToSpace DepthwiseConv DotProductAttention Elu
    Gelu Glu HardSigmoid HardSilu HardTanh LayerNorm LeakyRelu LogSigmoid LogSoftmax MaxPool
    Moments Normalize OneHot RMSNorm Relu Relu6 Selu SeparableConv Sigmoid Silu Softmax Softplus
    Softsign SpaceToDepth Threshold
    CropImages ExtractPatches PadImages RGBToGrayscale Resize
    """
)
_POLICIES = frozenset(["DTypePolicy", "DTypePolicyMap", "FloatDTypePolicy"])
_MODELS = frozenset(["Functional", "Model", "Sequential"])
_OPERATION_MODULES = ("core", "image", "math", "nn", "numpy")
# Module -> the classes of it that a file may name.
ALLOWED: dict[str, frozenset[str]] = {
    "keras": _MODELS | _POLICIES,
    "keras.models": _MODELS,
    "keras.src.models.functional": _MODELS,
    "keras.src.models.sequential": _MODELS,
    "keras.dtype_policies": _POLICIES,
    "keras.layers": LAYERS,
    "keras.initializers": rules.names(
        """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity IdentityInitializer
        LecunNormal LecunUniform Ones Orthogonal OrthogonalInitializer RandomNormal RandomUniform
        TruncatedNormal VarianceScaling Zeros
        """
    ),
    "keras.regularizers": rules.names("L1 L1L2 L2 OrthogonalRegularizer"),
    "keras.constraints": rules.names("MaxNorm MinMaxNorm NonNeg UnitNorm"),
    "keras.src.applications.convnext": frozenset(["LayerScale"]),
    "keras.src.applications.inception_resnet_v2": frozenset(["CustomScaleLayer"]),
    **{f"keras.src.ops.{name}": OPERATIONS for name in _OPERATION_MODULES},
}
# Values that Keras writes as objects.
VALUES = rules.names(
    "__bytes__ __ellipsis__ __keras_tensor__ __numpy__ __slice__ __tensor__ __tuple__"
)


def require_known(settings: dict[str, Any]) -> None:
    """Refuses a configuration that names anything which is not in `ALLOWED`.

    Args:
        settings: The content of `config.json`.

    Raises:
        ValueError: Names the first class that is not allowed.
    """
    left: list[Any] = [settings]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            if "class_name" in value:
                _require_allowed(value)
            left += value.values()


def _require_allowed(described: dict[str, Any]) -> None:
    name, module = described["class_name"], described.get("module")
    is_value = isinstance(name, str) and module is None and name in VALUES
    is_class = isinstance(name, str) and isinstance(module, str)
    if is_value or (is_class and name in ALLOWED.get(module, ())):  # type: ignore[arg-type]
        if described.get("registered_name") in (None, name):
            return
        name = described["registered_name"]
    raise ValueError(
        f"its config.json names {f'{module}.' if module else ''}{name}, which is not among Keras' "
        "own layers that a file may use: others can run code or read files. Rebuild the model "
        "without it"
    )
