using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Sessions;

/// <summary>Without a refresh token an older client stored it, or its server gives none: then it ends with the access token.</summary>
internal sealed record StoredSession(
    string Username,
    string Token,
    DateTimeOffset ExpiresAt,
    string? RefreshToken = null,
    DateTimeOffset? RefreshExpiresAt = null)
{
    /// <summary>When somebody who does nothing until then has to sign in again.</summary>
    [JsonIgnore]
    public DateTimeOffset EndsAt => RefreshExpiresAt ?? ExpiresAt;

    [JsonIgnore]
    public bool AreTokensSendable => BearerToken.IsSendable(Token) && (RefreshToken is null || BearerToken.IsSendable(RefreshToken));
}

/// <param name="Servers">Who is signed in, by the server.</param>
/// <param name="LastServer">Where somebody signed in last.</param>
/// <param name="Devices">By server and name without case, the cookie by which the server knows this device again; a logout leaves
/// it.</param>
internal sealed record StoredSessions(
    SortedDictionary<string, StoredSession> Servers,
    string? LastServer = null,
    SortedDictionary<string, SortedDictionary<string, string>>? Devices = null)
{
    [JsonIgnore]
    public bool IsSendable =>
        Servers.Values.All(session => session is { AreTokensSendable: true })
        && Devices?.Values.All(names => names?.Values.All(IsCookie) is true) is not false;

    private static bool IsCookie(string? cookie) =>
        cookie?.Split('=', 2) is [var name, var value] && BearerToken.IsSendable(name) && BearerToken.IsSendable(value);
}

/// <summary>Who is signed in where. Each token stands under the server that gave it, which alone ever gets to see it.</summary>
internal sealed class SessionFile(string folder)
{
    public const string Name = "sessions.json";
    public const string ElsewhereHint = "set XDG_CONFIG_HOME to a folder that you can write to";

    public string FilePath { get; } = Path.Combine(folder, Name);

    public static CommandFailure Unusable(string message, string hint) => new(ExitCode.Usage, "session_file", message, hint);

    public string? LastServer() => Read().LastServer;

    /// <summary>What the server gave this device when the user signed in here before; null where that is unknown.</summary>
    public string? DeviceCookie(ServerAddress server, string username) =>
        Read().Devices?.GetValueOrDefault(server.ToString())?.GetValueOrDefault(username.ToLowerInvariant());

    public StoredSession Require(ServerAddress server)
    {
        var stored = Read();
        if (stored.Servers.TryGetValue(server.ToString(), out var session))
        {
            return session;
        }

        var elsewhere = stored.Servers.Keys.FirstOrDefault();
        throw new CommandFailure(
            ExitCode.NotSignedIn,
            "not_signed_in",
            $"Not signed in at {server}",
            $"sign in: authmesh login NAME --server {server}{(elsewhere is null ? "" : $"; you are signed in at {elsewhere}")}");
    }

    /// <summary>The file for changes, once no other client is about to change it.</summary>
    public async Task<HeldSessions> HoldAsync(CancellationToken cancellation) =>
        new(this, await SessionLock.TakeAsync(Path.ChangeExtension(FilePath, ".lock"), cancellation));

    public StoredSessions Read()
    {
        try
        {
            var stored = JsonSerializer.Deserialize(File.ReadAllBytes(FilePath), ClientJson.Default.StoredSessions);
            if (stored is { IsSendable: true })
            {
                return stored;
            }
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            return new StoredSessions(Servers: []);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unusable($"{FilePath} cannot be read: {exception.Message}", "make it yours again, or delete it and sign in again");
        }
        catch (JsonException)
        {
            // Falls through to the same end as well-formed JSON of another kind.
        }

        throw Unusable($"{FilePath} is damaged", "delete this file, then sign in again: authmesh login NAME");
    }
}
