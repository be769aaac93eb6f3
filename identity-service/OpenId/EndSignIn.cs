using System.Security.Claims;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>A request of an application to sign the user out (OpenID Connect RP-Initiated Logout 1.0).</summary>
/// <param name="Client">The application that asks; null if the request names none.</param>
/// <param name="LeadsTo">Where the browser goes afterwards; null for our own page.</param>
/// <param name="IsSignedIn">Whether somebody is signed in at this browser.</param>
/// <param name="IsSure">
/// Whether the application names a session that this sign-in allowed. Otherwise any site could sign people out, so a page asks.
/// </param>
internal sealed record SignOutRequest(Client? Client, string? LeadsTo, bool IsSignedIn, bool IsSure);

/// <summary>Reads requests to sign out. The page ends the sign-in like any other sign-out.</summary>
internal sealed class EndSignIn(IdentityDb db, Clients clients, IdTokens idTokens)
{
    private const string IsChild =
        """
        SELECT EXISTS (SELECT FROM sessions WHERE id = @session AND parent_id = @caller_session) AS "Value"
        """;

    /// <returns>The request, or null if it leads to an address that the named application has not registered.</returns>
    public async Task<SignOutRequest?> ReadAsync(
        ProtocolParameters parameters, ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        var hint = parameters["id_token_hint"] is { } text ? await idTokens.ReadAsync(text) : null;
        var named = parameters["client_id"] ?? hint?.ClientId;
        var client = hint is not null && named != hint.ClientId ? null : await clients.FindAsync(named, cancellationToken);
        string? leadsTo = null;
        // Without a known application, nothing is followed. A hint may be older than the keys that could verify it.
        if (parameters["post_logout_redirect_uri"] is { } uri && named is not null)
        {
            if (client is null || !Applications.RedirectUri.Matches(client.PostLogoutRedirectUris, uri, client.Kind))
            {
                return null;
            }

            leadsTo = parameters["state"] is { } state
                ? new AuthorizationAnswer(new(uri, IsFormPost: false, State: null), [("state", state)]).Location
                : uri;
        }

        var caller = Caller.Find(user);
        var isSure = caller is not null && hint?.SessionId is { } sessionId && await db.Database.SqlQueryRaw<bool>(
            IsChild, new NpgsqlParameter("session", sessionId), new NpgsqlParameter("caller_session", caller.SessionId))
            .SingleAsync(cancellationToken);
        return new SignOutRequest(client, leadsTo, caller is not null, isSure);
    }
}
