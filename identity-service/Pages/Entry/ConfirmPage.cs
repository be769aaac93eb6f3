using AuthMesh.Errors;
using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;

namespace AuthMesh.Identity.Pages.Entry;

/// <param name="AsksForPassword">Whether the account has one that counts here, and the person has not given it on this page yet.</param>
/// <param name="AsksForCode">Whether the account demands a second factor after its password, and has one that is a code.</param>
/// <param name="IsRecovery">Whether the code is a recovery code.</param>
/// <param name="CanRecover">Whether a recovery code would do, with or without another second factor.</param>
/// <param name="IsTotpBlocked">Whether the authenticator app would do, but too many wrong codes came.</param>
/// <param name="Methods">The account's second factors.</param>
public sealed record ConfirmModel(
    Visit Visit, Form Form, string? Return, bool AsksForPassword, bool AsksForCode, bool IsRecovery, bool CanRecover, bool IsTotpBlocked,
    IReadOnlyList<string> Methods) : PageModel(Visit, Form)
{
    public override string Title => "confirm.title";

    public override IReadOnlyList<string> Scripts => HasPasskey ? ["passkeys.js"] : [];

    public bool HasPasskey => Methods.Contains("passkey");
}

/// <summary>Step-up: a page that needs a recent proof leads here, and this page leads back.</summary>
internal static class ConfirmPage
{
    public const string Path = "/confirm";

    private const string Recovery = "recovery-code", PasswordIsProved = "password";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, ConfirmAsync);
    }

    public static string PathWith(string leadsTo) => $"{Path}?return={Uri.EscapeDataString(leadsTo)}";

    private static async Task<IResult> ShowAsync(Visit visit, IdentityDb db, CancellationToken cancellationToken)
    {
        if (await visit.FindAccountAsync(cancellationToken) is not { } account)
        {
            return visit.ToSignIn();
        }

        var factors = await EnabledFactors.FindAsync(db, account.Id, cancellationToken);
        return Render(visit, Form.Empty, visit.Return, account, factors, false, visit.Context.Request.Query["use"] == Recovery);
    }

    private static async Task<IResult> ConfirmAsync(
        Visit visit, Reauthenticate reauthenticate, IdentityDb db, CancellationToken cancellationToken)
    {
        if (await visit.FindAccountAsync(cancellationToken) is not { } account)
        {
            return visit.ToSignIn();
        }

        var factors = await EnabledFactors.FindAsync(db, account.Id, cancellationToken);
        var form = await visit.ReadFormAsync(
            FormField.Secret("password"), FormField.Secret("code"), FormField.Secret("recovery_code"), "proved", "use", "return");
        var (leadsTo, isRecovery, isPasswordProved) =
            (ReturnPath.TryParse(form["return"]), form["use"] == Recovery, form["proved"] == PasswordIsProved);
        if (form.IsFine)
        {
            // The fields that the page showed, one after the other. Each one that is right counts, even if a later one is not.
            var steps = new List<(string Field, ReauthenticateRequest Request)>();
            if (AsksForPassword(account, AsksForCode(account, factors, isRecovery)) && !isPasswordProved)
            {
                steps.Add(("password", new ReauthenticateRequest(Password: form["password"])));
            }

            if (AsksForCode(account, factors, isRecovery))
            {
                steps.Add(isRecovery
                    ? ("recovery_code", new ReauthenticateRequest(RecoveryCode: form["recovery_code"]))
                    : ("code", new ReauthenticateRequest(Totp: form["code"])));
            }

            foreach (var (field, request) in steps)
            {
                var refusal = form[field] is null
                    ? CommonFailures.InvalidRequest(new Dictionary<string, string[]> { [field] = ["is required"] })
                    : (await reauthenticate.RunAsync(request, visit.Context, cancellationToken)).Refusal();
                if (refusal is not null)
                {
                    if (visit.Divert(refusal) is { } other)
                    {
                        return other;
                    }

                    form.Refuse(refusal, visit.Language, refusal.Code is "wrong_password" or "wrong_code" ? field : null);
                    break;
                }

                isPasswordProved |= field == "password";
            }

            if (form.IsFine)
            {
                return Visit.To(leadsTo ?? Visit.Home);
            }

            factors = await EnabledFactors.FindAsync(db, account.Id, cancellationToken); // one wrong code more may block the app
        }

        return Render(visit, form, leadsTo, account, factors, isPasswordProved, isRecovery);
    }

    // Without a password, a passkey alone proves enough, and a code nothing.
    private static bool AsksForCode(OwnAccount account, EnabledFactors factors, bool isRecovery) =>
        account is { TwoStep: true, PasswordHash: not null } && (isRecovery ? factors.RecoveryCodes > 0 : factors.Totp);

    // With two steps, the password proves nothing without a code.
    private static bool AsksForPassword(OwnAccount account, bool asksForCode) =>
        account.PasswordHash is not null && (!account.TwoStep || asksForCode);

    private static IResult Render(
        Visit visit, Form form, string? leadsTo, OwnAccount account, EnabledFactors factors, bool isPasswordProved, bool wantsRecovery)
    {
        var (canRecover, hasApp) = (AsksForCode(account, factors, isRecovery: true), AsksForCode(account, factors, isRecovery: false));
        var isBlocked = hasApp && factors.IsTotpBlocked;
        var isRecovery = canRecover && (wantsRecovery || isBlocked);
        var asksForCode = isRecovery || (hasApp && !isBlocked);
        return visit.Show(Confirm.Create(new ConfirmModel(
            visit, form, leadsTo, AsksForPassword(account, asksForCode) && !isPasswordProved, asksForCode, isRecovery, canRecover,
            isBlocked, [.. factors.Methods])));
    }
}
