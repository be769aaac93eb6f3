using System.Net;
using AuthMesh.Errors;
using AuthMesh.Identity.OpenId;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Platform;
using AuthMesh.Requests;

namespace AuthMesh.Identity.Pages.Authorization;

/// <param name="Prefilled">The code of the link that leads here, as people read it; null without one.</param>
public sealed record DeviceModel(Visit Visit, Form Form, string? Prefilled) : PageModel(Visit, Form)
{
    public override string Title => "device.title";
}

/// <param name="Code">As people read it.</param>
/// <param name="Application">How people call the application.</param>
/// <param name="Scopes">What it asks for.</param>
/// <param name="Device">Our own words for the device; null for one that we do not know. It chooses its name itself.</param>
/// <param name="Network">The device's address; empty if unknown.</param>
/// <param name="IsElsewhere">Whether this browser is in another network.</param>
public sealed record DeviceConsentModel(
    Visit Visit, string Code, string Application, string Username, IReadOnlyList<string> Scopes, string? Device, string Network,
    bool IsElsewhere, DateTimeOffset AskedAt) : PageModel(Visit, Form.Empty)
{
    public override string Title => "device.title";

    public override IReadOnlyList<string> Scripts => ["times.js"];
}

public sealed record DeviceDoneModel(Visit Visit, bool IsAllowed) : PageModel(Visit, Form.Empty)
{
    public override string Title => "device.title";
}

/// <summary>
/// Lets a signed-in person allow what a device asks for (RFC 8628 §3.3). A link may fill in the code, but only two presses of buttons allow
/// anything: somebody else may have sent the link (§5.4).
/// </summary>
internal static class DevicePage
{
    private const string Path = "/device", Code = "user_code", Decision = "decision", Allow = "allow", Refuse = "refuse";

    private const string Allowed = "device-allowed", Refused = "device-refused";

    public static void Map(IEndpointRouteBuilder pages)
    {
        pages.MapGet(Path, ShowAsync);
        pages.MapPost(Path, AnswerAsync);
    }

    private static async Task<IResult> ShowAsync(Visit visit, CancellationToken cancellationToken)
    {
        var query = visit.Context.Request.Query;
        var code = query[Code] is [{ } typed] ? UserCode.TryParse(typed) : null;
        return await visit.FindAccountAsync(cancellationToken) is null ? ToSignIn(visit, code)
            : query["done"] is [Allowed or Refused] ? visit.Show(DeviceDone.Create(new DeviceDoneModel(visit, query["done"] == Allowed)))
            : visit.Show(Device.Create(new DeviceModel(visit, Form.Empty, code is null ? null : UserCode.Show(code))));
    }

    // The first form brings the code, the second one the decision.
    private static async Task<IResult> AnswerAsync(
        Visit visit, DecideDevice decideDevice, CallerAddress callerAddress, CancellationToken cancellationToken)
    {
        var form = await visit.ReadFormAsync(Code, Decision, ConsentPage.Account);
        if (await visit.FindAccountAsync(cancellationToken) is not { } account)
        {
            return ToSignIn(visit, UserCode.TryParse(form[Code]));
        }

        if (!form.IsFine)
        {
            return visit.Show(Device.Create(new DeviceModel(visit, form, Prefilled: null)));
        }

        if (form[Decision] is not (null or Allow or Refuse))
        {
            return ShowRefusal(CommonFailures.FromStatus(StatusCodes.Status400BadRequest));
        }

        if (form[Code] is null)
        {
            return ShowRefusal(CommonFailures.InvalidRequest(new Dictionary<string, string[]> { [Code] = ["is required"] }));
        }

        if (form[Decision] is { } decision && ConsentPage.IsOf(account, form))
        {
            var (decided, failure) = await decideDevice.RunAsync(form[Code], decision == Allow, visit.Context, cancellationToken);
            return decided is null ? ShowRefusal(failure!) : Visit.To(Path, decision == Allow ? Allowed : Refused);
        }

        var (device, refusal) = await decideDevice.FindAsync(form[Code], visit.Context, cancellationToken);
        return device is null
            ? ShowRefusal(refusal!)
            : visit.Show(DeviceConsent.Create(new DeviceConsentModel(
                visit, UserCode.Show(device.Code), device.Application, account.Username, device.Scopes,
                Sessions.Device.KnownName(device.Device), device.Network,
                IPAddress.TryParse(device.Network, out var address)
                    && ClientNetwork.Of(address).ToString() != callerAddress.NetworkOf(visit.Context),
                device.AskedAt)));

        IResult ShowRefusal(Failure failure)
        {
            form.Refuse(failure, visit.Language, failure.Status == StatusCodes.Status400BadRequest ? Code : null);
            return visit.Show(Device.Create(new DeviceModel(visit, form, Prefilled: null)));
        }
    }

    private static IResult ToSignIn(Visit visit, string? code) =>
        visit.ToSignIn(code is null ? Path : $"{Path}?{Code}={UserCode.Show(code)}");
}
