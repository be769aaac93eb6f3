using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.WebSignIn;

namespace AuthMesh.Client.Sessions;

/// <summary>
/// The session at one server. It lacks a refresh token if an older client stored it or its server gives none. Then it ends with the access
/// token.
/// </summary>
/// <param name="ClientId">The application as which this client signed in by a browser; null after a sign-in with a password.</param>
internal sealed record StoredSession(
    string Username,
    string Token,
    DateTimeOffset ExpiresAt,
    string? RefreshToken = null,
    DateTimeOffset? RefreshExpiresAt = null,
    string? ClientId = null)
{
    /// <summary>What follows "authmesh login" to sign in again.</summary>
    [JsonIgnore]
    public string LoginArguments => ClientId switch
    {
        null => Username,
        WebLogin.DefaultClientId => "--web",
        _ => $"--web --client-id {ClientId}",
    };

    /// <summary>When a user who does nothing until then has to sign in again.</summary>
    [JsonIgnore]
    public DateTimeOffset EndsAt => RefreshExpiresAt ?? ExpiresAt;

    [JsonIgnore]
    public bool AreTokensSendable => BearerToken.IsSendable(Token) && (RefreshToken is null || BearerToken.IsSendable(RefreshToken));
}

/// <param name="Servers">The session at each server.</param>
/// <param name="LastServer">The server of the last login.</param>
/// <param name="Devices">
/// The device cookies, by server and lower-case name, by which a server recognises this device. A logout keeps them.
/// </param>
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

/// <summary>Stores the session at each server. The client sends a token only to the server that issued it.</summary>
internal sealed class SessionFile(string folder)
{
    public const string Name = "sessions.json";
    public const string ElsewhereHint = "set XDG_CONFIG_HOME to a folder that you can write to";

    public string FilePath { get; } = Path.Combine(folder, Name);

    public static CommandFailure Unusable(string message, string hint) => new(ExitCode.Usage, "session_file", message, hint);

    public string? LastServer() => Read().LastServer;

    /// <summary>The cookie that the server gave this device when the user last signed in here; null if unknown.</summary>
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

    /// <summary>Holds the file for changes, once no other client holds it.</summary>
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
            throw Unusable($"{FilePath} cannot be read: {exception.Message}", "make it readable again, or delete it and sign in again");
        }
        catch (JsonException)
        {
            // Ends like well-formed JSON of another kind.
        }

        throw Unusable($"{FilePath} is damaged", "delete this file, then sign in again: authmesh login NAME");
    }
}
