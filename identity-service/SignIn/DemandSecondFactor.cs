using System.Text.Json.Nodes;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;

namespace AuthMesh.Identity.SignIn;

/// <summary>Answers a right password of an account that demands more: with a login token, and no session.</summary>
internal sealed class DemandSecondFactor(IdentityDb db, PendingSignIns pendingSignIns, SecurityEvents events)
{
    /// <summary>The members of the refusal, by their names on the wire.</summary>
    public const string LoginToken = "login_token", Methods = "methods", ExpiresIn = "expires_in";

    /// <summary>What it looks like.</summary>
    public static readonly Failure Example = Failure("", ["totp"]);

    public async Task<Failure> RunAsync(SignInTicket ticket, HttpContext context, CancellationToken cancellationToken)
    {
        var factors = await EnabledFactors.FindAsync(db, ticket.User.Id, cancellationToken);
        var token = await pendingSignIns.BeginAsync(ticket, context, cancellationToken);
        events.Write(SecurityEvent.SecondFactorDemanded(ticket.User.Id), context);
        return Failure(token.Text, factors.Methods);
    }

    private static Failure Failure(string loginToken, IEnumerable<string> methods) => new(
        StatusCodes.Status401Unauthorized, "second_factor_required", "Enter a code of your authenticator app, or use another way")
    {
        Members = new JsonObject
        {
            [LoginToken] = loginToken,
            [Methods] = new JsonArray([.. methods.Select(method => JsonValue.Create(method))]),
            [ExpiresIn] = (int)PendingSignIns.Lifetime.TotalSeconds,
        },
    };
}
