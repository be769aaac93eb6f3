using System.Text.Json.Serialization;
using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Revocations;
using AuthMesh.Identity.Tokens;

namespace AuthMesh.Identity;

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(RegisterRequest))]
[JsonSerializable(typeof(RegisterResponse))]
[JsonSerializable(typeof(LoginRequest))]
[JsonSerializable(typeof(LoginResponse))]
[JsonSerializable(typeof(HoldKeysRequest))]
[JsonSerializable(typeof(HoldKeysResponse))]
[JsonSerializable(typeof(JwksResponse))]
[JsonSerializable(typeof(DiscoveryResponse))]
internal sealed partial class IdentityJson : JsonSerializerContext;
