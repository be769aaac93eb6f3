using AuthMesh.Errors;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.SignIn;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Pages.Entry;

/// <param name="Username">Whose password was right.</param>
/// <param name="Methods">The names in the answer <c>second_factor_required</c>.</param>
/// <param name="IsRecovery">Whether the page asks for a recovery code.</param>
/// <param name="IsTotpBlocked">Whether too many wrong codes of the authenticator app came.</param>
/// <param name="TrustDays">How long the device may be trusted; null if it may not.</param>
/// <param name="LoginToken">For the passkey script.</param>
public sealed record SecondFactorModel(
    Visit Visit, Form Form, string? Return, string Username, IReadOnlyList<string> Methods, bool IsRecovery, bool IsTotpBlocked,
    int? TrustDays, string LoginToken)
    : PageModel(Visit, Form)
{
    public override string Title => "second-factor.title";

    public override IReadOnlyList<string> Scripts => HasPasskey ? ["passkeys.js"] : [];

    public bool HasPasskey => Methods.Contains("passkey");

    public bool AsksForCode => IsRecovery || Methods.Contains("totp");
}

/// <summary>
/// The second step of a sign-in. A cookie holds its login token, so no link continues the sign-in of another browser, and a reload or the
/// way back harms nothing.
/// </summary>
internal static class SecondFactorPage
{
    public const string Path = "/signin/second-factor";

    private const string Recovery = "recovery-code";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, FinishAsync);
    }

    public static string PathWith(string? leadsTo) => leadsTo is null ? Path : $"{Path}?return={Uri.EscapeDataString(leadsTo)}";

    /// <summary>Remembers the sign-in in progress.</summary>
    /// <returns>Whether a second factor is what the refusal asks for.</returns>
    public static bool Begin(Failure refusal, HttpResponse response, HostCookies cookies)
    {
        if (refusal.Members?[DemandSecondFactor.LoginToken]?.GetValue<string>() is not { } token)
        {
            return false;
        }

        cookies.Append(response, cookies.SignInName, token, PendingSignIns.Lifetime);
        return true;
    }

    private static async Task<IResult> ShowAsync(
        Visit visit, HostCookies cookies, PendingSignIns pendingSignIns, IdentityDb db, IOptions<SecondFactorOptions> options,
        CancellationToken cancellationToken) =>
        await RenderAsync(
            visit, Form.Empty, visit.Return, visit.Context.Request.Query["use"] == Recovery,
            cookies, pendingSignIns, db, options, cancellationToken);

    private static async Task<IResult> FinishAsync(
        Visit visit, LoginWithCode login, HostCookies cookies, PendingSignIns pendingSignIns, IdentityDb db,
        IOptions<SecondFactorOptions> options, CancellationToken cancellationToken)
    {
        var form = await visit.ReadFormAsync(FormField.Secret("code"), FormField.Secret("recovery_code"), "trust", "use", "return");
        var leadsTo = ReturnPath.TryParse(form["return"]);
        var isRecovery = form["use"] == Recovery;
        if (form.IsFine)
        {
            var field = isRecovery ? "recovery_code" : "code";
            if (form[field] is null)
            {
                form.Refuse(CommonFailures.InvalidRequest(new Dictionary<string, string[]> { [field] = ["is required"] }), visit.Language);
            }
            else
            {
                var answer = await login.RunAsync(
                    isRecovery ? CodeKind.RecoveryCode : CodeKind.Totp,
                    new LoginWithCodeRequest(TokenOf(visit, cookies), form[field], form["trust"] is not null), visit.Context,
                    cancellationToken);
                if (answer.Refusal() is not { } refusal)
                {
                    cookies.Append(visit.Context.Response, cookies.SignInName, "", TimeSpan.Zero);
                    return Visit.To(leadsTo ?? Visit.Home);
                }

                form.Refuse(refusal, visit.Language, refusal.Code == "wrong_code" ? field : null);
            }
        }

        return await RenderAsync(visit, form, leadsTo, isRecovery, cookies, pendingSignIns, db, options, cancellationToken);
    }

    private static async Task<IResult> RenderAsync(
        Visit visit, Form form, string? leadsTo, bool isRecovery, HostCookies cookies, PendingSignIns pendingSignIns, IdentityDb db,
        IOptions<SecondFactorOptions> options, CancellationToken cancellationToken)
    {
        if (await pendingSignIns.FindAsync(TokenOf(visit, cookies), cancellationToken) is not { } pending)
        {
            return visit.IsSignedIn ? Visit.To(leadsTo ?? Visit.Home)
                : Visit.To(
                    leadsTo is null ? SignInPage.Path : $"{SignInPage.Path}?return={Uri.EscapeDataString(leadsTo)}", "sign-in-expired");
        }

        var username = await db.Users.Where(user => user.Id == pending.UserId).Select(user => user.Username)
            .SingleAsync(cancellationToken);
        var factors = await EnabledFactors.FindAsync(db, pending.UserId, cancellationToken);
        return visit.Show(SecondFactor.Create(new SecondFactorModel(
            visit, form, leadsTo, username, [.. factors.Methods], isRecovery || (factors.IsTotpBlocked && factors.RecoveryCodes > 0),
            factors.IsTotpBlocked,
            options.Value.TrustDevices ? (int)options.Value.TrustLifetime.TotalDays : null, TokenOf(visit, cookies))));
    }

    private static string TokenOf(Visit visit, HostCookies cookies) => HostCookies.Find(visit.Context.Request, cookies.SignInName) ?? "";
}
