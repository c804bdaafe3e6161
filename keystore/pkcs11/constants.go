package pkcs11

// Numbers of PKCS#11 2.40 that this package uses.
const (
	userType = 1 // CKU_USER

	flagSerialSession = 4 // CKF_SERIAL_SESSION
	flagOSLockingOK   = 2 // CKF_OS_LOCKING_OK

	classSecretKey = 4 // CKO_SECRET_KEY

	// CK_STATE
	stateReadOnlyUser = 1
	stateReadWriteSO  = 4
	stateReadWrite    = 3 // of the user

	// CKA_
	attrClass              = 0x000
	attrToken              = 0x001
	attrLabel              = 0x003
	attrKeyType            = 0x100
	attrID                 = 0x102
	attrSensitive          = 0x103
	attrEncrypt            = 0x104
	attrDecrypt            = 0x105
	attrSign               = 0x108
	attrValueLen           = 0x161
	attrExtractable        = 0x162
	attrAlwaysAuthenticate = 0x202

	// CKK_
	keyTypeDES  = 0x13
	keyTypeDES2 = 0x14
	keyTypeDES3 = 0x15
	keyTypeAES  = 0x1F

	// CKM_
	mechDESCBC   = 0x122
	mechDES3CBC  = 0x133
	mechDES3CMAC = 0x138
	mechAESCBC   = 0x1082
	mechAESCMAC  = 0x108A
)

// Flags of a token (CK_TOKEN_INFO).
const (
	tokenLoginRequired  = 1 << 2
	tokenPINInitialized = 1 << 3
	tokenPINPad         = 1 << 8 // CKF_PROTECTED_AUTHENTICATION_PATH
	tokenInitialized    = 1 << 10
	tokenPINCountLow    = 1 << 16
	tokenPINFinalTry    = 1 << 17
	tokenPINLocked      = 1 << 18
	tokenPINChange      = 1 << 19 // CKF_USER_PIN_TO_BE_CHANGED
)
