using AuthMesh.Identity.ApiKeys;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Pages.Account;

public sealed record SecurityModel(
    Visit Visit, Form Form, bool HasPassword, bool IsTwoStep, bool HasTotp, int RecoveryCodes, int Passkeys, bool TrustsDevices, int Keys)
    : PageModel(Visit, Form)
{
    public override string Title => "security.title";

    public override Section Section => Section.Security;
}

/// <summary>The ways into the account, each with a link to the page that changes it.</summary>
internal static class SecurityPage
{
    public const string Path = "/me/security";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, ForgetDevicesAsync);
    }

    private static async Task<IResult> ShowAsync(
        Visit visit, IdentityDb db, ListKeys keys, IOptions<SecondFactorOptions> options, CancellationToken cancellationToken) =>
        await visit.FindAccountAsync(cancellationToken) is { } account
            ? await RenderAsync(visit, Form.Empty, account, db, keys, options, cancellationToken)
            : visit.ToSignIn();

    private static async Task<IResult> ForgetDevicesAsync(
        Visit visit, ForgetTrustedDevices forget, IdentityDb db, ListKeys keys, IOptions<SecondFactorOptions> options,
        CancellationToken cancellationToken)
    {
        if (await visit.FindAccountAsync(cancellationToken) is not { } account)
        {
            return visit.ToSignIn();
        }

        var form = await visit.ReadFormAsync("action");
        if (form.IsFine)
        {
            if ((await forget.RunAsync(visit.Context, cancellationToken)).Refusal() is not { } refusal)
            {
                return Visit.To(Path, "devices-forgotten");
            }

            if (visit.Divert(refusal) is { } other)
            {
                return other;
            }

            form.Refuse(refusal, visit.Language);
        }

        return await RenderAsync(visit, form, account, db, keys, options, cancellationToken);
    }

    private static async Task<IResult> RenderAsync(
        Visit visit, Form form, OwnAccount account, IdentityDb db, ListKeys keys, IOptions<SecondFactorOptions> options,
        CancellationToken cancellationToken)
    {
        var found = (await keys.RunAsync(visit.Context, cancellationToken)).Result as Ok<KeysResponse>;
        var factors = await EnabledFactors.FindAsync(db, account.Id, cancellationToken);
        return visit.Show(Security.Create(new SecurityModel(
            visit, form, account.PasswordHash is not null, account.TwoStep, factors.Totp, factors.RecoveryCodes, factors.Passkeys,
            options.Value.TrustDevices, found?.Value?.Keys.Count ?? 0)));
    }
}
