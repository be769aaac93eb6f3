using AuthMesh.Errors;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Pages.Account;

/// <param name="IsOn">Whether an app is in use.</param>
/// <param name="OtpauthUri">The secret that waits for its first code, if one was just made.</param>
public sealed record AuthenticatorModel(Visit Visit, Form Form, bool IsOn, string? OtpauthUri) : PageModel(Visit, Form)
{
    public override string Title => "authenticator.title";

    public override Section Section => Section.Security;

    /// <summary>In groups of four, for people who type it.</summary>
    public string Secret => string.Join(' ', OtpauthUri!.Split("secret=")[^1].Split('&')[0].Chunk(4).Select(chunk => new string(chunk)));
}

/// <summary>Sets up an authenticator app, or removes it.</summary>
internal static class AuthenticatorPage
{
    private const string Path = "/me/security/authenticator", Scheme = "otpauth://totp/";

    private const int LongestUri = 512; // a QR code of our quality holds 2,331 bytes

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, ChangeAsync);
    }

    private static async Task<IResult> ShowAsync(Visit visit, IdentityDb db, CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandProofAsync(cancellationToken);
        return elsewhere ?? await RenderAsync(visit, Form.Empty, account!, null, db, cancellationToken);
    }

    // The secret is shown in the answer to the form, and never again: a page at an address of its own would have to keep it.
    private static async Task<IResult> ChangeAsync(
        Visit visit, SetUpTotp setUp, ConfirmTotp confirm, RemoveTotp remove, IdentityDb db, CancellationToken cancellationToken)
    {
        var (account, elsewhere) = await visit.DemandProofAsync(cancellationToken);
        if (account is null)
        {
            return elsewhere!;
        }

        var form = await visit.ReadFormAsync("action", FormField.Secret("code"), "uri");
        var uri = form["uri"] is { } text && text.StartsWith(Scheme, StringComparison.Ordinal)
            && text.Length <= LongestUri && text.All(char.IsAscii) ? text : null;
        if (!form.IsFine)
        {
            return await RenderAsync(visit, form, account, uri, db, cancellationToken);
        }

        Failure? refusal;
        switch (form["action"])
        {
            case "confirm":
                var confirmed = await confirm.RunAsync(new ConfirmTotpRequest(form["code"]), visit.Context, cancellationToken);
                if (confirmed.Result is Ok<ConfirmTotpResponse> { Value: { } answer })
                {
                    return answer.RecoveryCodes is { } codes
                        ? RecoveryCodesPage.ShowOnce(visit, codes, "authenticator.done")
                        : Visit.To(SecurityPage.Path, "authenticator");
                }

                refusal = confirmed.Refusal();
                break;
            case "remove":
                refusal = (await remove.RunAsync(visit.Context, cancellationToken)).Refusal();
                if (refusal is null)
                {
                    return Visit.To(SecurityPage.Path, "authenticator-removed");
                }

                break;
            default:
                var begun = await setUp.RunAsync(visit.Context, cancellationToken);
                if (begun.Result is Ok<SetUpTotpResponse> { Value: { } made })
                {
                    return await RenderAsync(visit, Form.Empty, account, made.OtpauthUri, db, cancellationToken);
                }

                refusal = begun.Refusal();
                break;
        }

        if (visit.Divert(refusal!) is { } other)
        {
            return other;
        }

        form.Refuse(refusal!, visit.Language, refusal!.Code == "wrong_code" ? "code" : null);
        return await RenderAsync(visit, form, account, uri, db, cancellationToken);
    }

    private static async Task<IResult> RenderAsync(
        Visit visit, Form form, OwnAccount account, string? uri, IdentityDb db, CancellationToken cancellationToken)
    {
        var factors = await EnabledFactors.FindAsync(db, account.Id, cancellationToken);
        return visit.Show(Authenticator.Create(new AuthenticatorModel(visit, form, factors.Totp, uri)));
    }
}
