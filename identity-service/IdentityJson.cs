using System.Text.Json.Serialization;
using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.ApiKeys;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.OpenId;
using AuthMesh.Identity.Passkeys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.SignIn;
using AuthMesh.Identity.Tokens;

namespace AuthMesh.Identity;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(CreateApplicationRequest))]
[JsonSerializable(typeof(CreateApplicationResponse))]
[JsonSerializable(typeof(ChangeApplicationRequest))]
[JsonSerializable(typeof(ShowApplicationResponse))]
[JsonSerializable(typeof(ApplicationResponse))]
[JsonSerializable(typeof(ApplicationsResponse))]
[JsonSerializable(typeof(SecretResponse))]
[JsonSerializable(typeof(AddSecretResponse))]
[JsonSerializable(typeof(TokenResponse))]
[JsonSerializable(typeof(RegisterRequest))]
[JsonSerializable(typeof(RegisterResponse))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(LoginWithCodeRequest))]
[JsonSerializable(typeof(HoldKeysRequest))]
[JsonSerializable(typeof(HoldKeysResponse))]
[JsonSerializable(typeof(SignInResponse))]
[JsonSerializable(typeof(SetUpTotpResponse))]
[JsonSerializable(typeof(ConfirmTotpRequest))]
[JsonSerializable(typeof(ConfirmTotpResponse))]
[JsonSerializable(typeof(RecoveryCodesResponse))]
[JsonSerializable(typeof(SetTwoStepRequest))]
[JsonSerializable(typeof(SetTwoStepResponse))]
[JsonSerializable(typeof(RefreshRequest))]
[JsonSerializable(typeof(LogoutRequest))]
[JsonSerializable(typeof(MessageResponse))]
[JsonSerializable(typeof(AccountResponse))]
[JsonSerializable(typeof(ChooseLanguageRequest))]
[JsonSerializable(typeof(ReauthenticateRequest))]
[JsonSerializable(typeof(ReauthenticateResponse))]
[JsonSerializable(typeof(ChangePasswordRequest))]
[JsonSerializable(typeof(DeleteAccountRequest))]
[JsonSerializable(typeof(ChangeEmailRequest))]
[JsonSerializable(typeof(VerifyEmailRequest))]
[JsonSerializable(typeof(VerifyEmailResponse))]
[JsonSerializable(typeof(ShowVerificationRequest))]
[JsonSerializable(typeof(ShowVerificationResponse))]
[JsonSerializable(typeof(DisownEmailRequest))]
[JsonSerializable(typeof(ForgotPasswordRequest))]
[JsonSerializable(typeof(ResetPasswordRequest))]
[JsonSerializable(typeof(ResetPasswordResponse))]
[JsonSerializable(typeof(ShowResetRequest))]
[JsonSerializable(typeof(ShowResetResponse))]
[JsonSerializable(typeof(InviteUserRequest))]
[JsonSerializable(typeof(InviteUserResponse))]
[JsonSerializable(typeof(ResetUserPasswordResponse))]
[JsonSerializable(typeof(DropPasswordResponse))]
[JsonSerializable(typeof(LoginByPasskeyRequest))]
[JsonSerializable(typeof(PasskeyProofRequest))]
[JsonSerializable(typeof(PasskeyLoginOptionsRequest))]
[JsonSerializable(typeof(AddPasskeyRequest))]
[JsonSerializable(typeof(AddPasskeyResponse))]
[JsonSerializable(typeof(PasskeyOptionsResponse))]
[JsonSerializable(typeof(PasskeyResponse))]
[JsonSerializable(typeof(PasskeysResponse))]
[JsonSerializable(typeof(RenamePasskeyRequest))]
[JsonSerializable(typeof(SessionsResponse))]
[JsonSerializable(typeof(SessionResponse))]
[JsonSerializable(typeof(EndOtherSessionsResponse))]
[JsonSerializable(typeof(ExchangeRequest))]
[JsonSerializable(typeof(ExchangeResponse))]
[JsonSerializable(typeof(CreateKeyRequest))]
[JsonSerializable(typeof(CreateKeyResponse))]
[JsonSerializable(typeof(KeysResponse))]
[JsonSerializable(typeof(KeyResponse))]
[JsonSerializable(typeof(ReportKeyRequest))]
[JsonSerializable(typeof(ExchangeKeyRequest))]
[JsonSerializable(typeof(UsersResponse))]
[JsonSerializable(typeof(UserResponse))]
[JsonSerializable(typeof(ShowUserResponse))]
[JsonSerializable(typeof(ChangeUserRequest))]
[JsonSerializable(typeof(SignOutUserResponse))]
[JsonSerializable(typeof(JwksResponse))]
[JsonSerializable(typeof(DiscoveryResponse))]
internal sealed partial class IdentityJson : JsonSerializerContext;
