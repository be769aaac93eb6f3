using System.Text.Json.Serialization;
using AuthMesh.Errors;

namespace AuthMesh.Identity.Applications;

/// <summary>The content of the file that declares applications.</summary>
/// <param name="Version">
/// From 1; whoever changes the file raises it. A replica applies the file only if no other has applied this version or a greater one, so
/// that replicas with two versions of the file do not undo each other.
/// </param>
/// <param name="Applications">All applications that the file declares. One that an earlier version declared is disabled.</param>
internal sealed record DeclaredFile(int? Version = null, IReadOnlyList<DeclaredApplication?>? Applications = null);

/// <summary>One application, with the members of <see cref="CreateApplicationRequest"/>.</summary>
/// <param name="ClientId">By which it is known.</param>
/// <param name="Kind">See there. It never changes.</param>
/// <param name="Disabled">Whether it gets no tokens. False unless given.</param>
/// <param name="Secrets">At most 2. An application that can keep a secret has one, or a key in <c>jwks</c>.</param>
internal sealed record DeclaredApplication(
    [property: JsonPropertyName("client_id")] string? ClientId = null, string? Kind = null, bool? Disabled = null,
    IReadOnlyList<DeclaredSecret?>? Secrets = null) : ApplicationSettingsRequest;

/// <summary>A secret, by one of the two.</summary>
/// <param name="SecretFile">A file with the secret. A line end after it does not belong to it.</param>
/// <param name="Sha256">SHA-256 of the secret in UTF-8, as 64 hexadecimal digits in lower case.</param>
internal sealed record DeclaredSecret([property: JsonPropertyName("secret_file")] string? SecretFile = null, string? Sha256 = null);

// As strict as a request: see StrictJson.
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowDuplicateProperties = false,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, Converters = [typeof(StrictTextConverter)])]
[JsonSerializable(typeof(DeclaredFile))]
internal sealed partial class DeclaredFileJson : JsonSerializerContext;
