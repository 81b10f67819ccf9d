-- Health of a SipCluster for Argo CD: resource.customizations.health.sipcluster.io_SipCluster
-- An outage of a SIP Server, an etcd or another data centre is no fault of what was deployed: alerts are for those.
local health = { status = "Progressing", message = "the operator has not looked at this generation yet" }
if obj.spec ~= nil and obj.spec.paused == true then
  return { status = "Suspended", message = "spec.paused is true: nothing is changed" }
end
if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local function is(type, status)
  return conditions[type] ~= nil and conditions[type].status == status
end
if is("Stalled", "True") then
  return { status = "Degraded", message = conditions.Stalled.message }
end
if is("Reconciling", "True") then
  return { status = "Progressing", message = conditions.Reconciling.message }
end
if is("Ready", "True") then
  return { status = "Healthy", message = conditions.Ready.message }
end
if is("Ready", "False") then
  return { status = "Degraded", message = conditions.Ready.message }
end
return health
