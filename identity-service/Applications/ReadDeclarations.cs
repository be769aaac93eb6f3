using System.Security.Cryptography;
using System.Text.Json;
using AuthMesh.Errors;
using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;

namespace AuthMesh.Identity.Applications;

/// <summary>What a file declares, without faults.</summary>
/// <param name="Version">The file's.</param>
/// <param name="Digest">SHA-256 of the file and of the secrets that it names.</param>
/// <param name="Applications">In the order of their names, as everybody who locks several applications does.</param>
internal sealed record Declarations(int Version, byte[] Digest, IReadOnlyList<Declaration> Applications);

/// <param name="SecretHashes">SHA-256 of each secret.</param>
internal sealed record Declaration(string ClientId, ApplicationSettings Settings, bool IsDisabled, IReadOnlyList<byte[]> SecretHashes);

/// <summary>
/// Reads the file that declares applications, by the rules for requests. It finds every fault, so that one start shows them all.
/// </summary>
internal static class ReadDeclarations
{
    private const int MostSecrets = 2;

    // A hash of a secret takes no time, so only its length protects it.
    private const int ShortestSecret = 32;

    /// <returns>The declarations, or the problems of the file, each as the end of a sentence that begins with the setting.</returns>
    public static (Declarations? Declarations, IReadOnlyList<string> Problems) Read(
        string path, TokenOptions tokens, bool isDevelopment, LogoutNetworks networks)
    {
        byte[] text;
        DeclaredFile? file;
        try
        {
            text = File.ReadAllBytes(path);
            file = JsonSerializer.Deserialize(text, DeclaredFileJson.Default.DeclaredFile);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return (null, [$"names a file that cannot be read: {exception.Message}"]);
        }
        catch (JsonException exception)
        {
            return (null, [JsonProblem.FindMember(exception) is { Member: var member, Problem: var problem }
                ? $"names a file in which {member} {problem}, at line {exception.LineNumber + 1}."
                : $"names a file that is not a JSON object with version and applications, at line {exception.LineNumber + 1}."]);
        }

        var problems = new List<string>();
        Unless(file?.Version is >= 1, "version must be a whole number from 1, greater than that of the file before");
        Unless(
            file?.Applications is { Count: <= CreateApplication.Most },
            $"applications must be an array of at most {CreateApplication.Most}");
        List<Declaration> declarations = [];
        foreach (var (i, application) in (file?.Applications ?? []).Index())
        {
            if (application is null)
            {
                Unless(false, $"applications[{i}] must be an object");
                continue;
            }

            var (settings, faults) = CreateApplication.Check(
                application.ClientId, application.Kind, application, tokens, isDevelopment, networks);
            var hashes = ReadSecrets(application, settings, faults);
            if (declarations.Exists(other => other.ClientId == application.ClientId))
            {
                faults.TryAdd("client_id", ["must be declared once"]);
            }

            var name = faults.ContainsKey("client_id") ? $"applications[{i}]" : application.ClientId;
            foreach (var (member, texts) in faults)
            {
                Unless(false, $"{member} of {name} {texts[0]}");
            }

            declarations.Add(new Declaration(application.ClientId ?? "", settings, application.Disabled ?? false, hashes));
        }

        return problems.Count > 0 ? (null, problems) : (
            new Declarations(
                file!.Version!.Value,
                SHA256.HashData([.. text, .. declarations.SelectMany(each => each.SecretHashes).SelectMany(hash => hash)]),
                [.. declarations.OrderBy(application => application.ClientId, StringComparer.Ordinal)]),
            []);

        void Unless(bool isFine, string problem)
        {
            if (!isFine)
            {
                problems.Add($"names a file in which {problem}.");
            }
        }
    }

    private static List<byte[]> ReadSecrets(
        DeclaredApplication application, ApplicationSettings settings, Dictionary<string, string[]> faults)
    {
        const string Member = "secrets";
        List<byte[]> hashes = [];
        if (!ApplicationKind.IsConfidential(settings.Kind))
        {
            if (application.Secrets is { Count: > 0 })
            {
                faults[Member] = ["must be absent: an application in a browser or on a device keeps no secret"];
            }

            return hashes;
        }

        if (application.Secrets is not { Count: >= 1 and <= MostSecrets })
        {
            if (application.Secrets is { Count: > MostSecrets } || settings.Keys is null)
            {
                faults[Member] = [$"must be 1 to {MostSecrets}, each by secret_file or sha256, unless jwks has a key"];
            }

            return hashes;
        }

        foreach (var secret in application.Secrets)
        {
            var (hash, fault) = Hash(secret);
            if (hash is null)
            {
                faults[Member] = [fault!];
                return [];
            }

            hashes.Add(hash);
        }

        if (hashes is [var one, var other] && one.AsSpan().SequenceEqual(other))
        {
            faults[Member] = ["must differ"];
        }

        return hashes;
    }

    private static (byte[]? Hash, string? Fault) Hash(DeclaredSecret? secret)
    {
        switch (secret)
        {
            case { SecretFile: null, Sha256: { Length: 64 } digits } when digits.All(char.IsAsciiHexDigitLower):
                return (Convert.FromHexString(digits), null);
            case { SecretFile: { Length: > 0 } path, Sha256: null }:
                try
                {
                    var text = Secret.Read("", path);
                    return text.Length >= ShortestSecret && text.All(c => c is > ' ' and <= '~')
                        ? (NewSecret.HashOf(text), null)
                        : (null, $"must be files with at least {ShortestSecret} visible ASCII characters each: openssl rand -base64 32");
                }
                catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
                {
                    return (null, $"must be files that can be read: {exception.Message.TrimEnd('.')}");
                }

            default:
                return (null, "must have either secret_file or sha256 each, and sha256 is 64 hexadecimal digits in lower case");
        }
    }
}
